"""Room bridges: two rooms that hear each other, in one direction or both (vsi-behaviour 3.4).

A bridge has no audio of its own. It is an entry in the graph that the hearing function reads: who is in a room that
reaches mine is heard by me, once, however many ways there are.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from b2bua.errors import Conflict, Invalid, NotFound
from b2bua.ids import BridgeId, RoomId


class Direction(StrEnum):
    """As seen from room A; the names on events."""

    BIDIRECTIONAL = "bidirectional"
    A_TO_B = "a_to_b"
    B_TO_A = "b_to_a"
    NONE = "none"


FROM_A = {
    "bidirectional": Direction.BIDIRECTIONAL,
    "send": Direction.A_TO_B,
    "receive": Direction.B_TO_A,
    "none": Direction.NONE,
}
"""What a client that names room A calls each direction: `send` is heard by the peer, `receive` hears it."""
MIRRORED = {
    Direction.BIDIRECTIONAL: Direction.BIDIRECTIONAL,
    Direction.A_TO_B: Direction.B_TO_A,
    Direction.B_TO_A: Direction.A_TO_B,
    Direction.NONE: Direction.NONE,
}

Flow = tuple[RoomId, RoomId]
"""Audio goes from the first room to the second."""


@dataclass(eq=False, slots=True)
class RoomBridge:
    """Two rooms of one rate. Room A is the one that it was created from, for ever."""

    id: BridgeId
    a: RoomId
    b: RoomId
    direction: Direction

    def peer_of(self, room: RoomId) -> RoomId:
        return self.b if room == self.a else self.a

    def seen_from(self, room: RoomId) -> str:
        """The direction in the words of a client that names `room`."""
        canonical = self.direction if room == self.a else MIRRORED[self.direction]
        return next(word for word, direction in FROM_A.items() if direction is canonical)

    def turn(self, room: RoomId, word: str) -> None:
        """Set the direction as `room` sees it."""
        canonical = FROM_A[word]
        self.direction = canonical if room == self.a else MIRRORED[canonical]

    def flows(self) -> Iterable[Flow]:
        if self.direction in {Direction.BIDIRECTIONAL, Direction.A_TO_B}:
            yield self.a, self.b
        if self.direction in {Direction.BIDIRECTIONAL, Direction.B_TO_A}:
            yield self.b, self.a


class Bridges:
    """The registry of room bridges. Knows rooms by id only."""

    def __init__(self) -> None:
        self._bridges: dict[BridgeId, RoomBridge] = {}

    def of(self, room: RoomId) -> list[RoomBridge]:
        """The bridges that touch `room`."""
        return [bridge for bridge in self._bridges.values() if room in {bridge.a, bridge.b}]

    def get(self, room: RoomId, bridge_id: str) -> RoomBridge:
        """Raises NotFound, also for a bridge that does not touch `room`."""
        bridge = self._bridges.get(BridgeId(bridge_id))
        if bridge is None or room not in {bridge.a, bridge.b}:
            raise NotFound("bridge", bridge_id)
        return bridge

    def add(self, room: RoomId, peer: RoomId, bridge_id: str, word: str) -> RoomBridge:
        """Raises Conflict when the id is taken or the pair is bridged already."""
        chosen = BridgeId(bridge_id or str(uuid.uuid4()))
        if chosen in self._bridges:
            raise Conflict(f"bridge already exists: {chosen}")
        if any(bridge.peer_of(room) == peer for bridge in self.of(room)):
            raise Conflict(f"rooms {room} and {peer} are bridged already")
        self._bridges[chosen] = RoomBridge(chosen, room, peer, FROM_A[word])
        return self._bridges[chosen]

    def remove(self, bridge: RoomBridge) -> None:
        del self._bridges[bridge.id]

    def flows(self) -> set[Flow]:
        """Every direct flow between rooms."""
        return {flow for bridge in self._bridges.values() for flow in bridge.flows()}


def check_direction(word: str, *, default: str = "") -> str:
    """A client's word for a direction. Raises Invalid."""
    chosen = word or default
    if chosen not in FROM_A:
        raise Invalid(f'direction must be one of {", ".join(FROM_A)}, not "{word}"')
    return chosen


def reached_from(room: RoomId, flows: Iterable[Flow]) -> set[RoomId]:
    """The other rooms that audio of `room` gets to."""
    return _walk(room, [(source, sink) for source, sink in flows])


def reaching(room: RoomId, flows: Iterable[Flow]) -> set[RoomId]:
    """The other rooms whose audio gets to `room`."""
    return _walk(room, [(sink, source) for source, sink in flows])


def _walk(start: RoomId, steps: list[Flow]) -> set[RoomId]:
    found = {start}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        for source, sink in steps:
            if source == here and sink not in found:
                found.add(sink)
                waiting.append(sink)
    return found - {start}
