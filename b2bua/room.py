"""A room: legs on one mixer, and what decides who hears whom."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from b2bua.hearing import Matrix, Member, MemberKind, RoomSound, edges
from b2bua.ids import LegId, RoomId
from b2bua.leg import Leg
from media.mixer import Mixer, PortName
from media.recorder import Tap


@dataclass(eq=False, slots=True)
class RoomRecording:
    """The recording of a room's mix."""

    tap: Tap
    port: PortName
    path: str


@dataclass(eq=False, slots=True)
class Room:
    """Changed by its manager (`rooms.py`) only. After each change it refreshes."""

    id: RoomId
    mixer: Mixer
    app_id: str = ""
    members: dict[LegId, Leg] = field(default_factory=dict)
    matrix: Matrix = field(default_factory=dict)
    recording: RoomRecording | None = None
    finishing: asyncio.Event | None = None
    """Set when the recording that was last stopped has been published."""
    closing: bool = False
    """Being deleted: its id is taken until that has been published, but nobody can use it."""

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.mixer.rate

    def routing(self) -> dict[str, list[str]]:
        """The matrix as plain data, sources in order."""
        return {listener: sorted(sources) for listener, sources in self.matrix.items()}

    def parties(self) -> tuple[Member, ...]:
        """The legs in it, as the hearing function sees them."""
        return tuple(
            Member(port=stream.name, role=leg.role, muted=leg.muted, deaf=leg.deaf)
            for leg in self.members.values()
            for stream in leg.streams
        )

    def refresh(self, bridged: tuple[Member, ...] = ()) -> None:
        """Make the mixer do what the room says. `bridged` are the parties of the rooms that are heard in it."""
        taps = () if self.recording is None else (Member(port=self.recording.port, kind=MemberKind.TAP),)
        sound = RoomSound(members=self.parties() + taps, matrix=self.matrix, bridged=bridged)
        self.mixer.apply(self.id, edges(sound))
