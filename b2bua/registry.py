"""The rooms of this process and the bridges between them: the state that the room managers share.

Nothing else holds rooms by id, and only `refresh` makes a change be heard.
"""

from __future__ import annotations

from collections.abc import Iterable

from b2bua.bridges import Bridges, reached_from, reaching
from b2bua.errors import NotFound
from b2bua.hearing import Member
from b2bua.ids import RoomId
from b2bua.room import Room


class RoomRegistry:
    """Event loop's thread only."""

    def __init__(self) -> None:
        self._rooms: dict[RoomId, Room] = {}
        self.bridges = Bridges()

    def find(self, room_id: str | None) -> Room | None:
        """Whatever has that id, a room that is being deleted included."""
        return self._rooms.get(RoomId(room_id)) if room_id else None

    def get(self, room_id: str) -> Room:
        """Raises NotFound, also for a room that is being deleted."""
        room = self.find(room_id)
        if room is None or room.closing:
            raise NotFound("room", room_id)
        return room

    def all(self) -> list[Room]:
        return [room for room in self._rooms.values() if not room.closing]

    def add(self, room: Room) -> None:
        self._rooms[room.id] = room

    def remove(self, room: Room) -> None:
        del self._rooms[room.id]

    def refresh(self, room: Room) -> None:
        """Let the change of a room be heard, in it and in the rooms that hear it."""
        flows = self.bridges.flows()
        room.refresh(self._guests(room.id))
        self.refresh_all(reached_from(room.id, flows))

    def refresh_all(self, rooms: Iterable[RoomId]) -> None:
        """Let a change be heard in these rooms; those that are gone are left out."""
        for room_id in rooms:
            if room_id in self._rooms:
                self._rooms[room_id].refresh(self._guests(room_id))

    def _guests(self, room_id: RoomId) -> tuple[Member, ...]:
        heard = (self._rooms[source] for source in reaching(room_id, self.bridges.flows()) if source in self._rooms)
        return tuple(party for room in heard for party in room.parties())
