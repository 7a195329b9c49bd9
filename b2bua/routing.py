"""Roles and routing matrices: who may hear whom within a room (vsi-behaviour 3.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from b2bua import events
from b2bua.leg import Leg
from b2bua.legs import Legs
from b2bua.registry import RoomRegistry
from b2bua.room import Room


class Routing:
    """Event loop's thread only."""

    def __init__(self, registry: RoomRegistry, legs: Legs, bus: events.EventBus) -> None:
        self._registry = registry
        self._legs = legs
        self._bus = bus

    def set_role(self, leg_id: str, role: str) -> Leg:
        """Give a leg another role. The role it has already changes nothing and makes no events. Raises NotFound."""
        leg = self._legs.get(leg_id)
        if leg.role != role:
            old, leg.role = leg.role, role
            self._legs.on_changed(leg)
            self.publish_role(leg, old)
        return leg

    def set(self, room_id: str, matrix: Mapping[str, Iterable[str]]) -> Room:
        """Replace the whole matrix, all rows at once; an empty one is full mesh. Raises NotFound."""
        room = self._registry.get(room_id)
        room.matrix = {listener: frozenset(sources) for listener, sources in matrix.items()}
        self._registry.refresh(room)
        self.publish(room, "set")
        return room

    def update(self, room_id: str, rows: Iterable[tuple[str, Iterable[str] | None]]) -> Room:
        """Replace some rows; None takes a row out. Heard all at once, published row by row. Raises NotFound."""
        room = self._registry.get(room_id)
        matrix = dict(room.matrix)
        for listener, sources in rows:
            if sources is None:
                matrix.pop(listener, None)
            else:
                matrix[listener] = frozenset(sources)
            room.matrix = dict(matrix)
            self.publish(room, "update")
        self._registry.refresh(room)
        return room

    def publish_role(self, leg: Leg, old: str) -> None:
        room = self._registry.find(leg.room_id)
        self._bus.publish(
            events.LegRoleChanged(
                leg_id=leg.id, room_id=leg.room_id, old_role=old, new_role=leg.role, app_id=leg.app_id or None
            )
        )
        if room is not None:
            self.publish(room, "leg_role_changed")

    def publish(self, room: Room, reason: str) -> None:
        self._bus.publish(
            events.RoomRoutingChanged(room_id=room.id, matrix=room.routing(), reason=reason, app_id=room.app_id or None)
        )
