"""A room: legs on one mixer, and what decides who hears whom."""

from __future__ import annotations

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
    """Changed by its manager (`rooms.py`) only. After each change: refresh()."""

    id: RoomId
    mixer: Mixer
    app_id: str = ""
    members: dict[LegId, Leg] = field(default_factory=dict)
    matrix: Matrix = field(default_factory=dict)
    recording: RoomRecording | None = None

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.mixer.rate

    def routing(self) -> dict[str, list[str]]:
        """The matrix as plain data, sources in order."""
        return {listener: sorted(sources) for listener, sources in self.matrix.items()}

    def sound(self) -> RoomSound:
        """The room as the hearing function sees it."""
        parties = [
            Member(port=stream.name, role=leg.role, muted=leg.muted, deaf=leg.deaf)
            for leg in self.members.values()
            for stream in leg.streams
        ]
        if self.recording is not None:
            parties.append(Member(port=self.recording.port, kind=MemberKind.TAP))
        return RoomSound(members=tuple(parties), matrix=self.matrix)

    def refresh(self) -> None:
        """Make the mixer do what the room says."""
        self.mixer.apply(self.id, edges(self.sound()))
