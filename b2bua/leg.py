"""A leg: one party's call, and its audio.

Legs live on the event loop's thread and are changed by their manager (`legs.py`) only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from enum import StrEnum

from b2bua.events import OfferedCodec
from b2bua.ids import LegId, RoomId
from b2bua.leg_state import LegInput, LegState, next_state
from b2bua.sip.notices import CallNumber
from media._bridge import StreamPort
from media.mixer import Mixer, PortName, mixer_rate

log = logging.getLogger(__name__)


class LegType(StrEnum):
    """The wire names of the contract."""

    SIP_INBOUND = "sip_inbound"
    SIP_OUTBOUND = "sip_outbound"


@dataclass(slots=True)
class LegStream:
    """One audio stream of a leg: a port while media runs, and the mixer it is in."""

    name: PortName
    port: StreamPort | None = None
    mixer: Mixer | None = None

    def enter(self, mixer: Mixer) -> None:
        """Be in `mixer` and in no other."""
        if self.mixer is not None and self.mixer is not mixer:
            self.mixer.leave(self.name)
        self.mixer = mixer
        if self.port is not None:
            mixer.join(self.name, self.port)

    def close(self) -> None:
        """The port is gone. The mixer is kept: a re-INVITE brings a new port for the same place."""
        if self.mixer is not None:
            self.mixer.leave(self.name)
        self.port = None

    @property
    def home_rate(self) -> int:
        """Rate of the mixer it waits in while it is in no room, Hz."""
        return mixer_rate(self.port.rate if self.port else 0)


@dataclass(slots=True)
class Timers:
    """A leg's deadlines; all are cancelled when it ends."""

    ring: asyncio.TimerHandle | None = None
    duration: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        for timer in (self.ring, self.duration):
            if timer is not None:
                timer.cancel()


@dataclass(eq=False, slots=True)
class Leg:
    """One party. `state` moves only in `happen`."""

    id: LegId
    type: LegType
    app_id: str = ""
    call: CallNumber | None = None
    """The SIP call, once there is one."""
    state: LegState = LegState.RINGING
    muted: bool = False
    deaf: bool = False
    accept_dtmf: bool = True
    role: str = ""
    room_id: RoomId | None = None
    headers: dict[str, str] = field(default_factory=dict)
    offered_codecs: list[OfferedCodec] = field(default_factory=list)
    end_reason: str | None = None
    """Why we are ending it, when it is us."""
    answering: bool = False
    max_duration: int = 0
    """Longest time from the answer, in seconds; 0 for no limit."""
    streams: list[LegStream] = field(default_factory=list)
    timers: Timers = field(default_factory=Timers)
    created_at: float = field(default_factory=time.monotonic)
    answered_at: float | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its end has been published."""
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is connected or over: what waits for an answer waits for this."""

    def __post_init__(self) -> None:
        if not self.streams:
            self.streams.append(LegStream(PortName(f"{self.id}#0")))

    @property
    def audio(self) -> LegStream:
        """The primary stream."""
        return self.streams[0]

    @property
    def in_conversation(self) -> bool:
        """Whether it can be in a room."""
        return self.state in {LegState.CONNECTED, LegState.EARLY_MEDIA}

    def happen(self, happened: LegInput) -> bool:
        """Apply an input. Returns whether it changed the state; late and repeated inputs do not."""
        following = next_state(self.state, happened)
        if following is None:
            log.debug("leg %s: %s ignored in %s", self.id, happened.name.lower(), self.state)
            return False
        log.info("leg %s: %s -> %s, because %s", self.id, self.state, following, happened.name.lower())
        self.state = following
        if following is LegState.CONNECTED and self.answered_at is None:
            self.answered_at = time.monotonic()
        if following in {LegState.CONNECTED, LegState.HUNG_UP}:
            self.settled.set()
        if following is LegState.HUNG_UP:
            self.timers.cancel()
        return True

    def durations(self) -> tuple[float, float]:
        """Seconds since creation and since the answer, two decimals; 0 if never answered."""
        now = time.monotonic()
        answered = 0.0 if self.answered_at is None else now - self.answered_at
        return round(now - self.created_at, 2), round(answered, 2)
