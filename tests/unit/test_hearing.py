"""b2bua.hearing: who hears whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.hearing import Matrix, Member, MemberKind, RoomSound, edges
from media.mixer import Edge, PortName

ROLES = ("", "agent", "customer", "supervisor")

members = st.lists(
    st.builds(
        Member,
        port=st.sampled_from([PortName(f"p{number}") for number in range(7)]),
        kind=st.sampled_from(MemberKind),
        role=st.sampled_from(ROLES),
        muted=st.booleans(),
        deaf=st.booleans(),
    ),
    unique_by=lambda member: member.port,
    max_size=7,
).map(tuple)
# A row or a source may name the empty role, which allows nobody all the same.
matrices = st.dictionaries(st.sampled_from(ROLES), st.frozensets(st.sampled_from(ROLES)))
rooms = st.builds(RoomSound, members=members, matrix=matrices)


def hears(listener: Member, source: Member, matrix: Matrix) -> bool:
    """The definition, one pair at a time."""
    if listener.port == source.port or source.muted or listener.deaf or source.kind is MemberKind.TAP:
        return False
    ruled = listener.kind is MemberKind.LEG and listener.role != "" and listener.role in matrix
    return not ruled or (source.role != "" and source.role in matrix[listener.role])


def by_port(room: RoomSound) -> dict[PortName, Member]:
    return {member.port: member for member in room.members}


@given(rooms)
def test_edges_are_what_the_definition_says_of_each_pair(room: RoomSound) -> None:
    """Equal to trying all pairs one by one."""
    expected: set[Edge] = {
        (source.port, listener.port)
        for source in room.members
        for listener in room.members
        if hears(listener, source, room.matrix)
    }
    assert edges(room) == dict.fromkeys(expected, 1.0)


@given(rooms)
def test_nobody_hears_itself(room: RoomSound) -> None:
    """Whatever its role may hear."""
    assert all(source != sink for source, sink in edges(room))


@given(rooms)
def test_a_muted_member_is_never_heard(room: RoomSound) -> None:
    """Nor is a tap, which has nothing to say."""
    for source, _ in edges(room):
        assert not by_port(room)[source].muted
        assert by_port(room)[source].kind is MemberKind.LEG


@given(rooms)
def test_a_deaf_member_never_hears(room: RoomSound) -> None:
    """Tap or leg."""
    assert not any(by_port(room)[sink].deaf for _, sink in edges(room))


@given(rooms)
def test_no_edge_that_the_matrix_disallows(room: RoomSound) -> None:
    """A leg whose role has a row hears only sources whose role is in it, and never one without a role."""
    for source, sink in edges(room):
        listener, role = by_port(room)[sink], by_port(room)[source].role
        if listener.kind is MemberKind.LEG and listener.role and listener.role in room.matrix:
            assert role
            assert role in room.matrix[listener.role]


@given(rooms)
def test_a_tap_hears_every_unmuted_leg_whatever_the_matrix(room: RoomSound) -> None:
    """A recording is of the room, not of what a role may hear."""
    speaking = {each.port for each in room.members if each.kind is MemberKind.LEG and not each.muted}
    for tap in room.members:
        if tap.kind is MemberKind.TAP and not tap.deaf:
            assert {source for source, sink in edges(room) if sink == tap.port} == speaking


@given(st.sets(st.sampled_from("abcdefg")), st.sampled_from(ROLES))
def test_without_matrix_mute_or_deaf_hearing_is_mutual_and_complete(names: set[str], role: str) -> None:
    """Everybody hears everybody else."""
    room = RoomSound(members=tuple(Member(port=PortName(name), role=role) for name in names))
    assert set(edges(room)) == {(a, b) for a in names for b in names if a != b}


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ({}, {"ac", "as", "ca", "cs", "sa", "sc"}),
        ({"customer": frozenset({"agent"})}, {"ac", "as", "ca", "cs", "sa"}),
        ({"customer": frozenset({"agent"}), "agent": frozenset({"customer"})}, {"ac", "as", "ca", "cs"}),
        ({"customer": frozenset()}, {"as", "ca", "cs", "sa"}),
        ({"": frozenset({"agent"})}, {"ac", "as", "ca", "cs", "sa", "sc"}),
    ],
)
def test_a_supervisor_whispers_or_only_listens(matrix: Matrix, expected: set[str]) -> None:
    """Agent, customer and supervisor under the usual matrices; a row for the empty role does nothing."""
    cast = tuple(Member(port=PortName(role[0]), role=role) for role in ("agent", "customer", "supervisor"))
    assert {source + sink for source, sink in edges(RoomSound(members=cast, matrix=matrix))} == expected
