"""Rooms: creation, joining, moving, leaving, deletion (vsi-behaviour section 3)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass

from b2bua import events
from b2bua.errors import Conflict, Invalid, NotFound
from b2bua.ids import LegId, RoomId, new_room_id
from b2bua.leg import Leg, LegType
from b2bua.leg_state import LegState
from b2bua.legs import Legs
from b2bua.reasons import EndReason
from b2bua.recordings import Recordings
from b2bua.registry import RoomRegistry
from b2bua.room import Room
from b2bua.room_bridges import RoomBridges
from b2bua.routing import Routing
from b2bua.tasks import Tasks
from media.mixer import RATES, Mixers

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


@dataclass(frozen=True)
class Surroundings:
    """What a room manager works with."""

    registry: RoomRegistry
    bus: events.EventBus
    mixers: Mixers
    tasks: Tasks


class Rooms:
    """Who is in which room. Event loop's thread only."""

    def __init__(self, surroundings: Surroundings, legs: Legs, recordings: Recordings) -> None:
        self._registry = surroundings.registry
        self._bus = surroundings.bus
        self._mixers = surroundings.mixers
        self._tasks = surroundings.tasks
        self._legs = legs
        self._recordings = recordings
        self._bridges = RoomBridges(self._registry, self._bus)
        self._routing = Routing(self._registry, legs, self._bus)
        self._awaited: dict[LegId, RoomId] = {}
        """Outbound legs on their way, and the rooms that they are to join."""
        self._joining: Counter[LegId] = Counter()
        """Ringing legs, and how many requests wait for their answer to add them to a room."""
        self.default_rate = 16000
        legs.on_ready = self._on_ready
        legs.on_changed = self._on_changed
        legs.on_over = self._on_over

    def create(self, room_id: str = "", *, app_id: str = "", sample_rate: int = 0) -> Room:
        """Raises Invalid for a rate that is not offered, Conflict when the id is taken."""
        rate = sample_rate or self.default_rate
        if rate not in RATES:
            raise Invalid(f"sample_rate must be one of {', '.join(map(str, RATES))}, not {rate}")
        chosen = RoomId(room_id) if room_id else new_room_id()
        if self._registry.find(chosen) is not None:
            raise Conflict(f"room already exists: {chosen}")
        room = Room(chosen, self._mixers.at(rate), app_id=app_id)
        self._registry.add(room)
        self._bus.publish(events.RoomCreated(room_id=chosen, app_id=app_id or None))
        return room

    def get_or_create(self, room_id: str, *, app_id: str = "") -> Room:
        """The room of that id, made at the default rate if it is missing. Raises Conflict while it is being deleted."""
        room = self._registry.find(room_id)
        if room is not None and room.closing:
            raise Conflict(f"room {room_id} is being deleted")
        return room or self.create(room_id, app_id=app_id)

    async def delete(self, room_id: str) -> None:
        """Hang up every leg in it and remove it; returns when all of that has been published. Raises NotFound.

        Legs that are being dialled into it end too: they have nowhere to go.
        """
        room = self._registry.get(room_id)
        for bridge in self._bridges.list(room.id):
            self._bridges.remove(bridge, "room_deleted")
        room.closing = True
        members = list(room.members.values())
        members += [leg for leg in self._legs.all() if self._awaited.get(leg.id) == room.id]
        room.members.clear()
        for leg in members:
            leg.room_id = None
        self._registry.refresh(room)
        await self._recordings.finish(room)
        self._registry.remove(room)
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
            self._routing.publish_role(leg, old_role)
        elif origin is None and joining.role is not None:
            self._routing.publish(room, "leg_joined")
        return Joined("moved" if origin else "added", room.id, leg.id, origin)

    async def remove(self, room_id: str, leg_id: str) -> None:
        """Take a leg out; the call goes on. Raises Invalid when the room or the leg in it does not exist."""
        room = self._registry.find(room_id)
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
            self._registry.refresh(self._registry.get(leg.room_id))

    async def _on_over(self, leg: Leg) -> None:
        self._awaited.pop(leg.id, None)
        for _ in range(self._joining.pop(leg.id, 0)):
            self._legs.command_failed(leg, "add_to_room", "the leg ended before it was answered")
        if leg.room_id is not None:
            room = self._registry.get(leg.room_id)
            self._leave(leg, room)
            await self._after_leaving(room)

    async def _join_when_answered(self, leg: Leg, room_id: RoomId, *, announce_role: bool) -> None:
        self._joining[leg.id] += 1
        try:
            await asyncio.wait_for(leg.settled.wait(), ANSWER_PATIENCE)
        except TimeoutError:
            self._joining[leg.id] -= 1
            self._legs.command_failed(leg, "add_to_room", f"the leg was not answered within {ANSWER_PATIENCE:.0f} s")
            return
        if not leg.in_conversation or leg.end_reason is not None:
            return  # _on_over has said so
        self._joining.pop(leg.id, None)
        room = self._registry.find(room_id)
        if room is None or room.closing:
            self._legs.command_failed(leg, "add_to_room", f"room not found: {room_id}")
        elif leg.room_id != room.id:
            self._join(leg, room)
            if announce_role:
                self._routing.publish(room, "leg_joined")

    def _join(self, leg: Leg, room: Room) -> None:
        origin = self._registry.find(leg.room_id)
        if origin is not None:
            origin.members.pop(leg.id)
            self._registry.refresh(origin)
        leg.audio.enter(room.mixer)
        leg.room_id = room.id
        room.members[leg.id] = leg
        self._registry.refresh(room)
        if origin is not None:
            self._bus.publish(events.LegLeftRoom(leg_id=leg.id, room_id=origin.id, app_id=leg.app_id or None))
            self._tasks.start(self._after_leaving(origin), f"after leaving {origin.id}")
        self._bus.publish(events.LegJoinedRoom(leg_id=leg.id, room_id=room.id, app_id=leg.app_id or None))

    def _leave(self, leg: Leg, room: Room) -> None:
        room.members.pop(leg.id, None)
        leg.room_id = None
        self._registry.refresh(room)
        self._bus.publish(events.LegLeftRoom(leg_id=leg.id, room_id=room.id, app_id=leg.app_id or None))

    async def _after_leaving(self, room: Room) -> None:
        """What ends with the last leg, however it left."""
        if not room.members:
            await self._recordings.finish(room)
