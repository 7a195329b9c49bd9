"""b2bua.bridges: directions as each room sees them, and how far audio gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.bridges import FROM_A, Bridges, Direction, Flow, check_direction, reached_from, reaching
from b2bua.errors import Conflict, Invalid, NotFound
from b2bua.ids import RoomId

A, B, C = RoomId("a"), RoomId("b"), RoomId("c")
ROOMS = st.sampled_from([RoomId(name) for name in "abcdef"])
FLOWS = st.sets(st.tuples(ROOMS, ROOMS).filter(lambda flow: flow[0] != flow[1]))


@pytest.mark.parametrize(
    ("word", "canonical", "seen_from_b", "flows"),
    [
        ("bidirectional", Direction.BIDIRECTIONAL, "bidirectional", {(A, B), (B, A)}),
        ("send", Direction.A_TO_B, "receive", {(A, B)}),
        ("receive", Direction.B_TO_A, "send", {(B, A)}),
        ("none", Direction.NONE, "none", set()),
    ],
)
def test_a_direction_is_mirrored_for_the_other_room(
    word: str, canonical: Direction, seen_from_b: str, flows: set[Flow]
) -> None:
    """send is heard by the peer, receive hears it."""
    bridges = Bridges()
    bridge = bridges.add(A, B, "x", word)
    assert bridge.direction is canonical
    assert (bridge.seen_from(A), bridge.seen_from(B)) == (word, seen_from_b)
    assert bridges.flows() == flows


@pytest.mark.parametrize("word", FROM_A)
def test_turning_from_either_side_is_seen_from_that_side(word: str) -> None:
    """Whoever names the direction gets what it named."""
    bridges = Bridges()
    bridge = bridges.add(A, B, "", "none")
    for room in (A, B):
        bridge.turn(room, word)
        assert bridge.seen_from(room) == word


def test_ids_and_pairs_are_taken_once() -> None:
    """In either order; a bridge that is removed makes room."""
    bridges = Bridges()
    bridge = bridges.add(A, B, "x", "send")
    with pytest.raises(Conflict, match="bridge already exists"):
        bridges.add(A, C, "x", "send")
    with pytest.raises(Conflict, match="bridged already"):
        bridges.add(B, A, "y", "send")
    bridges.remove(bridge)
    assert bridges.add(B, A, "x", "send").a == B


def test_a_bridge_is_found_only_from_its_rooms() -> None:
    """For any other room it does not exist."""
    bridges = Bridges()
    bridge = bridges.add(A, B, "x", "send")
    assert bridges.get(A, "x") is bridges.get(B, "x") is bridge
    assert bridges.of(C) == []
    for room, bridge_id in ((C, "x"), (A, "y")):
        with pytest.raises(NotFound):
            bridges.get(room, bridge_id)


@pytest.mark.parametrize("word", ["", "both", "a_to_b", "SEND"])
def test_a_direction_that_is_none_is_refused(word: str) -> None:
    """And the refusal lists the words there are."""
    with pytest.raises(Invalid, match="bidirectional, send, receive, none"):
        check_direction(word)


@given(FLOWS, ROOMS)
def test_reaching_is_the_transitive_closure(flows: set[Flow], start: RoomId) -> None:
    """Equal to joining pairs until nothing new comes, never the room itself."""
    closure = set(flows)
    while True:
        more = {(a, d) for a, b in closure for c, d in closure if b == c} - closure
        if not more:
            break
        closure |= more
    assert reached_from(start, flows) == {sink for source, sink in closure if source == start} - {start}
    assert reaching(start, flows) == {source for source, sink in closure if sink == start} - {start}
