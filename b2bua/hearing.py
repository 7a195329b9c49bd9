"""Who hears whom: the one place where it is decided (vsi-behaviour sections 2.7 and 3.5).

A pure function from a room's members to directed edges. Rooms call it whenever anything about them changes and hand the
result to the mixer, which connects and disconnects what differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from media.mixer import Edge, PortName

Matrix = Mapping[str, frozenset[str]]
"""Listener role to the source roles it may hear. A role without a row hears everybody."""

UNITY = 1.0


class MemberKind(Enum):
    LEG = auto()
    """Speaks and listens."""
    TAP = auto()
    """Hears the whole mix and says nothing: a recorder."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One party of a room."""

    port: PortName
    kind: MemberKind = MemberKind.LEG
    role: str = ""
    muted: bool = False
    deaf: bool = False


@dataclass(frozen=True, kw_only=True)
class RoomSound:
    """Everything about a room that decides who hears whom."""

    members: tuple[Member, ...] = ()
    matrix: Matrix = field(default_factory=dict)
    bridged: tuple[Member, ...] = ()
    """Members of the other rooms whose audio reaches this one. The matrix says nothing of them."""


def edges(room: RoomSound) -> dict[Edge, float]:
    """The edges of a room: each listener's sum is everybody it hears, itself excepted."""
    speakers = _speakers(room.members)
    guests = _speakers(room.bridged)
    return {
        (source.port, listener.port): UNITY
        for listener in room.members
        if not listener.deaf
        for source in (*_heard_by(listener, speakers, room.matrix), *guests)
    }


def _speakers(members: Iterable[Member]) -> list[Member]:
    return [member for member in members if member.kind is MemberKind.LEG and not member.muted]


def _heard_by(listener: Member, speakers: Iterable[Member], matrix: Matrix) -> Iterable[Member]:
    others = [source for source in speakers if source.port != listener.port]
    if listener.kind is MemberKind.TAP or not listener.role or listener.role not in matrix:
        return others
    allowed = matrix[listener.role]
    return [source for source in others if source.role and source.role in allowed]
