"""All rooms: creation, joining, moving, leaving, deletion, and recording of the mix (vsi-behaviour section 3)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from b2bua import events
from b2bua.errors import Conflict, Failed, Invalid, LegroomError, NotFound
from b2bua.ids import LegId, RoomId, new_room_id
from b2bua.leg import Leg, LegType
from b2bua.leg_state import LegState
from b2bua.legs import Legs
from b2bua.reasons import EndReason
from b2bua.room import Room, RoomRecording
from b2bua.tasks import Tasks
from media.mixer import RATES, Mixers, PortName
from media.recorder import Recorder, Tap

log = logging.getLogger(__name__)

ANSWER_PATIENCE = 30.0
"""Seconds that adding a ringing leg waits for its answer."""


@dataclass(frozen=True, kw_only=True)
class Joining:
    """How a leg joins. None leaves what it has."""

    mute: bool | None = None
    deaf: bool | None = None
    accept_dtmf: bool | None = None
    role: str | None = None

    def prepare(self, leg: Leg) -> None:
        """Set on the leg before it is heard, so that nothing slips through. No events."""
        leg.muted = leg.muted if self.mute is None else self.mute
        leg.deaf = leg.deaf if self.deaf is None else self.deaf
        leg.accept_dtmf = leg.accept_dtmf if self.accept_dtmf is None else self.accept_dtmf
        leg.role = leg.role if self.role is None else self.role


@dataclass(frozen=True)
class Joined:
    """What became of a request to join."""

    status: str
    """added, moved, or adding: the leg is being answered first."""
    room_id: RoomId
    leg_id: LegId
    moved_from: RoomId | None = None


class Rooms:
    """The registry of rooms. Event loop's thread only."""

    def __init__(
        self, legs: Legs, bus: events.EventBus, mixers: Mixers, recorder: Recorder, tasks: Tasks, folder: Path
    ) -> None:
        self._legs = legs
        self._bus = bus
        self._mixers = mixers
        self._recorder = recorder
        self._tasks = tasks
        self._folder = folder
        self._rooms: dict[RoomId, Room] = {}
        self._awaited: dict[LegId, RoomId] = {}
        self.default_rate = 16000
        legs.on_ready = self._on_ready
        legs.on_changed = self._on_changed
        legs.on_over = self._on_over

    def get(self, room_id: str) -> Room:
        """Raises NotFound."""
        room = self._rooms.get(RoomId(room_id))
        if room is None:
            raise NotFound("room", room_id)
        return room

    def all(self) -> list[Room]:
        return list(self._rooms.values())

    def create(self, room_id: str = "", *, app_id: str = "", sample_rate: int = 0) -> Room:
        """Raises Invalid for a rate that is not offered, Conflict when the id is taken."""
        rate = sample_rate or self.default_rate
        if rate not in RATES:
            raise Invalid(f"sample_rate must be one of {', '.join(map(str, RATES))}, not {rate}")
        chosen = RoomId(room_id) if room_id else new_room_id()
        if chosen in self._rooms:
            raise Conflict(f"room already exists: {chosen}")
        room = Room(chosen, self._mixers.at(rate), app_id=app_id)
        self._rooms[chosen] = room
        self._bus.publish(events.RoomCreated(room_id=chosen, app_id=app_id or None))
        return room

    def get_or_create(self, room_id: str, *, app_id: str = "") -> Room:
        """The room of that id, made at the default rate if it is missing."""
        return self._rooms.get(RoomId(room_id)) or self.create(room_id, app_id=app_id)

    async def delete(self, room_id: str) -> None:
        """Hang up every leg in it and remove it; returns when all of that has been published. Raises NotFound.

        Legs that are being dialled into it end too: they have nowhere to go.
        """
        room = self.get(room_id)
        del self._rooms[room.id]
        members = list(room.members.values())
        members += [leg for leg in self._legs.all() if self._awaited.get(leg.id) == room.id]
        room.members.clear()
        for leg in members:
            leg.room_id = None
        await self._finish_recording(room)
        room.refresh()
        self._bus.publish(events.RoomDeleted(room_id=room.id, app_id=room.app_id or None))
        for leg in members:
            self._legs.end(leg, EndReason.ROOM_DELETED)
        await self._legs.wait_ended(members)

    # joining and leaving

    def add(self, room_id: str, leg_id: str, joining: Joining) -> Joined:
        """Add or move a leg; the room is created if it is missing. Raises Invalid."""
        if not room_id:
            raise Invalid("room_id is required")
        try:
            leg = self._legs.get(leg_id)
        except NotFound as error:
            raise Invalid(str(error)) from error
        if leg.room_id == room_id:
            raise Invalid(f"leg is in room {room_id} already")
        awaits_answer = leg.state is LegState.RINGING and leg.type is LegType.SIP_INBOUND
        if not (leg.in_conversation or awaits_answer or (leg.state is LegState.HELD and leg.room_id)):
            raise Invalid(f"leg is {leg.state}, it must be connected or in early media to join a room")
        old_role = leg.role
        joining.prepare(leg)
        room = self.get_or_create(room_id, app_id=leg.app_id)
        if awaits_answer:
            if not leg.answering:
                self._legs.answer(leg.id)
            work = self._join_when_answered(leg, room.id, announce_role=joining.role is not None)
            self._tasks.start(work, f"add {leg.id} to room")
            return Joined("adding", room.id, leg.id)
        origin = leg.room_id
        self._join(leg, room)
        if origin is not None and leg.role != old_role:
            self._publish_role(leg, old_role)
        elif origin is None and joining.role is not None:
            self._publish_routing(room, "leg_joined")
        return Joined("moved" if origin else "added", room.id, leg.id, origin)

    async def remove(self, room_id: str, leg_id: str) -> None:
        """Take a leg out; the call goes on. Raises Invalid when the room or the leg in it does not exist."""
        room = self._rooms.get(RoomId(room_id))
        if room is None:
            raise Invalid(f"room not found: {room_id}")
        leg = room.members.get(LegId(leg_id))
        if leg is None:
            raise Invalid(f"leg {leg_id} is not in room {room_id}")
        self._leave(leg, room)
        leg.audio.enter(self._mixers.at(leg.audio.home_rate))
        await self._after_leaving(room)

    def join_when_ready(self, leg: Leg, room_id: str) -> None:
        """Let an outbound leg join as soon as it has media."""
        self._awaited[leg.id] = RoomId(room_id)

    def _on_ready(self, leg: Leg) -> None:
        room_id = self._awaited.pop(leg.id, None)
        if room_id is not None and leg.room_id is None:
            self._join(leg, self.get_or_create(room_id, app_id=leg.app_id))

    def _on_changed(self, leg: Leg) -> None:
        if leg.room_id is not None:
            self._rooms[leg.room_id].refresh()

    async def _on_over(self, leg: Leg) -> None:
        self._awaited.pop(leg.id, None)
        if leg.room_id is not None:
            room = self._rooms[leg.room_id]
            self._leave(leg, room)
            await self._after_leaving(room)

    async def _join_when_answered(self, leg: Leg, room_id: RoomId, *, announce_role: bool) -> None:
        try:
            await asyncio.wait_for(leg.settled.wait(), ANSWER_PATIENCE)
        except TimeoutError:
            self._legs.command_failed(leg, "add_to_room", f"the leg was not answered within {ANSWER_PATIENCE:.0f} s")
            return
        room = self._rooms.get(room_id)
        if not leg.in_conversation or leg.end_reason is not None:
            self._legs.command_failed(leg, "add_to_room", "the leg ended before it was answered")
        elif room is None:
            self._legs.command_failed(leg, "add_to_room", f"room not found: {room_id}")
        elif leg.room_id is None:
            self._join(leg, room)
            if announce_role:
                self._publish_routing(room, "leg_joined")

    # routing

    def set_role(self, leg_id: str, role: str) -> Leg:
        """Give a leg another role. The role it has already changes nothing and makes no events. Raises NotFound."""
        leg = self._legs.get(leg_id)
        if leg.role != role:
            old, leg.role = leg.role, role
            self._on_changed(leg)
            self._publish_role(leg, old)
        return leg

    def set_routing(self, room_id: str, matrix: Mapping[str, Iterable[str]]) -> Room:
        """Replace the whole matrix, all rows at once; an empty one is full mesh. Raises NotFound."""
        room = self.get(room_id)
        room.matrix = {listener: frozenset(sources) for listener, sources in matrix.items()}
        room.refresh()
        self._publish_routing(room, "set")
        return room

    def update_routing(self, room_id: str, rows: Iterable[tuple[str, Iterable[str] | None]]) -> Room:
        """Replace some rows; None takes a row out. Heard all at once, published row by row. Raises NotFound."""
        room = self.get(room_id)
        matrix = dict(room.matrix)
        for listener, sources in rows:
            if sources is None:
                matrix.pop(listener, None)
            else:
                matrix[listener] = frozenset(sources)
            room.matrix = dict(matrix)
            self._publish_routing(room, "update")
        room.refresh()
        return room

    def _publish_role(self, leg: Leg, old: str) -> None:
        room = self._rooms[leg.room_id] if leg.room_id is not None else None
        self._bus.publish(
            events.LegRoleChanged(
                leg_id=leg.id, room_id=leg.room_id, old_role=old, new_role=leg.role, app_id=leg.app_id or None
            )
        )
        if room is not None:
            self._publish_routing(room, "leg_role_changed")

    def _publish_routing(self, room: Room, reason: str) -> None:
        self._bus.publish(
            events.RoomRoutingChanged(room_id=room.id, matrix=room.routing(), reason=reason, app_id=room.app_id or None)
        )

    def _join(self, leg: Leg, room: Room) -> None:
        origin = self._rooms[leg.room_id] if leg.room_id is not None else None
        if origin is not None:
            origin.members.pop(leg.id)
            origin.refresh()
        leg.audio.enter(room.mixer)
        leg.room_id = room.id
        room.members[leg.id] = leg
        room.refresh()
        if origin is not None:
            self._bus.publish(events.LegLeftRoom(leg_id=leg.id, room_id=origin.id, app_id=leg.app_id or None))
            self._tasks.start(self._after_leaving(origin), f"after leaving {origin.id}")
        self._bus.publish(events.LegJoinedRoom(leg_id=leg.id, room_id=room.id, app_id=leg.app_id or None))

    def _leave(self, leg: Leg, room: Room) -> None:
        room.members.pop(leg.id, None)
        leg.room_id = None
        room.refresh()
        self._bus.publish(events.LegLeftRoom(leg_id=leg.id, room_id=room.id, app_id=leg.app_id or None))

    async def _after_leaving(self, room: Room) -> None:
        """What ends with the last leg, however it left."""
        if not room.members:
            await self._finish_recording(room)

    # recording

    async def start_recording(self, room_id: str) -> str:
        """Record the room's mix; returns the path that the file will have.

        Raises NotFound, Conflict (no legs, or recording already) and Failed (the file cannot be made).
        """
        room = self._recordable(room_id)
        path = self._folder / f"{datetime.now():%Y%m%d_%H%M%S}_{secrets.token_hex(4)}.wav"
        try:
            tap = await asyncio.to_thread(Tap, path, room.sample_rate)
        except OSError as error:
            raise Failed(f"the recording cannot be written to {path}: {error.strerror}") from error
        try:
            self._recordable(room_id)  # the disk may have taken its time
        except LegroomError:
            await asyncio.to_thread(tap.writer.discard)
            raise
        room.recording = RoomRecording(tap, PortName(f"{room.id}/recorder"), str(path))
        room.mixer.join(room.recording.port, tap.port, speaks=False)
        room.refresh()
        self._recorder.start(tap)
        self._bus.publish(events.RecordingStarted(room_id=room.id, app_id=room.app_id or None, file=str(path)))
        return str(path)

    def _recordable(self, room_id: str) -> Room:
        room = self.get(room_id)
        if not room.members:
            raise Conflict("room has no participants")
        if room.recording is not None:
            raise Conflict(f"room is being recorded already: {room.recording.path}")
        return room

    async def stop_recording(self, room_id: str) -> str:
        """Complete the file and publish it; returns its path. Raises NotFound, Failed."""
        room = self.get(room_id)
        if room.recording is None:
            raise NotFound("recording of room", room_id)
        return await self._finish_recording(room)

    async def _finish_recording(self, room: Room) -> str:
        recording, room.recording = room.recording, None
        if recording is None:
            return ""
        room.mixer.leave(recording.port)
        room.refresh()
        try:
            file = str(await self._recorder.finish(recording.tap))
        except OSError as error:
            log.error("recording %s could not be published: %s", recording.path, error)
            file = ""
        self._bus.publish(events.RecordingFinished(room_id=room.id, app_id=room.app_id or None, file=file))
        return file

    async def finish_recordings(self) -> None:
        """At shutdown."""
        await asyncio.gather(*(self._finish_recording(room) for room in self._rooms.values()))
