"""What the SIP thread tells the main thread, as plain data. One class per thing that can happen to a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NewType

from b2bua.reasons import SipEnding
from b2bua.sip.message import Invite
from media._bridge import StreamPort

CallNumber = NewType("CallNumber", int)
"""A call's number in this process, never used twice. pjsua's own call ids are, and so stay on the SIP thread."""


@dataclass(frozen=True)
class StreamStatistics:
    """What was received on a call's audio streams, all of them together."""

    packets: int = 0
    lost: int = 0
    jitter_ms: float = 0.0

    def __add__(self, other: StreamStatistics) -> StreamStatistics:
        jitter = other.jitter_ms if other.packets else self.jitter_ms
        return StreamStatistics(self.packets + other.packets, self.lost + other.lost, jitter)


@dataclass(frozen=True)
class Notice:
    call: CallNumber


@dataclass(frozen=True)
class Invited(Notice):
    """An INVITE came in; it has been answered 100 and waits for a decision."""

    invite: Invite


@dataclass(frozen=True)
class EarlyMedia(Notice):
    """Our INVITE was answered 183 with SDP for the first time."""


@dataclass(frozen=True)
class Answered(Notice):
    """The dialog is confirmed: the ACK was sent, or came in."""


@dataclass(frozen=True)
class StreamUp(Notice):
    """An audio stream began. The port is the caller's to put into a bridge."""

    index: int
    port: StreamPort = field(repr=False)


@dataclass(frozen=True)
class StreamDown(Notice):
    """The stream is gone; its port has been detached."""

    index: int


@dataclass(frozen=True)
class Ended(Notice):
    """The call is over. Nothing follows."""

    ending: SipEnding
    statistics: StreamStatistics
