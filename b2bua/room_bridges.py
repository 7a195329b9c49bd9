"""Bridging rooms: what clients do to the graph in `bridges.py`, and the events that follow."""

from __future__ import annotations

from collections.abc import Sequence

from b2bua import events
from b2bua.bridges import RoomBridge, check_direction, reached_from
from b2bua.errors import Invalid
from b2bua.ids import RoomId
from b2bua.registry import RoomRegistry


class RoomBridges:
    """Event loop's thread only."""

    def __init__(self, registry: RoomRegistry, bus: events.EventBus) -> None:
        self._registry = registry
        self._graph = registry.bridges
        self._bus = bus

    def create(self, room_id: str, peer_id: str, bridge_id: str = "", direction: str = "") -> RoomBridge:
        """Join two rooms of one rate. Raises Invalid, NotFound, Conflict, in the contract's order."""
        if not peer_id:
            raise Invalid("the id of the other room is required")
        word = check_direction(direction, default="bidirectional")
        if room_id == peer_id:
            raise Invalid("a room cannot be bridged to itself")
        room, peer = self._registry.get(room_id), self._registry.get(peer_id)
        if room.sample_rate != peer.sample_rate:
            raise Invalid(f"rooms of {room.sample_rate} and {peer.sample_rate} Hz cannot be bridged: rates must match")
        made = self._graph.add(room.id, peer.id, bridge_id, word)
        self._registry.refresh_all(self._hearing_of(made))
        self._publish(events.RoomBridged, made)
        return made

    def list(self, room_id: str) -> Sequence[RoomBridge]:
        """Raises NotFound."""
        return self._graph.of(self._registry.get(room_id).id)

    def get(self, room_id: str, bridge_id: str) -> RoomBridge:
        """Raises NotFound."""
        return self._graph.get(RoomId(room_id), bridge_id)

    def turn(self, room_id: str, bridge_id: str, direction: str) -> RoomBridge:
        """Set the direction as the named room sees it; the event goes out even when nothing changed."""
        word = check_direction(direction)
        bridge = self.get(room_id, bridge_id)
        affected = self._hearing_of(bridge)
        bridge.turn(RoomId(room_id), word)
        self._registry.refresh_all(affected | self._hearing_of(bridge))
        self._publish(events.RoomBridgeUpdated, bridge)
        return bridge

    def delete(self, room_id: str, bridge_id: str) -> None:
        """Raises NotFound."""
        self.remove(self.get(room_id, bridge_id))

    def remove(self, bridge: RoomBridge, reason: str | None = None) -> None:
        affected = self._hearing_of(bridge)
        self._graph.remove(bridge)
        self._registry.refresh_all(affected)
        self._bus.publish(
            events.RoomUnbridged(
                bridge_id=bridge.id,
                room_a_id=bridge.a,
                room_b_id=bridge.b,
                app_id=self._app_of(bridge),
                reason=reason,
            )
        )

    def _hearing_of(self, bridge: RoomBridge) -> set[RoomId]:
        """The rooms in which something may change when the bridge does."""
        flows = self._graph.flows()
        return {bridge.a, bridge.b, *reached_from(bridge.a, flows), *reached_from(bridge.b, flows)}

    def _publish(self, kind: type[events.RoomBridged | events.RoomBridgeUpdated], bridge: RoomBridge) -> None:
        self._bus.publish(
            kind(
                bridge_id=bridge.id,
                room_a_id=bridge.a,
                room_b_id=bridge.b,
                direction=bridge.direction,
                app_id=self._app_of(bridge),
            )
        )

    def _app_of(self, bridge: RoomBridge) -> str | None:
        room = self._registry.find(bridge.a)
        return (room.app_id or None) if room is not None else None
