"""Identifiers. Each kind is a type of its own, so that they cannot be swapped."""

from __future__ import annotations

import uuid
from typing import NewType

LegId = NewType("LegId", str)
RoomId = NewType("RoomId", str)
BridgeId = NewType("BridgeId", str)


def new_leg_id() -> LegId:
    return LegId(str(uuid.uuid4()))


def new_room_id() -> RoomId:
    return RoomId(str(uuid.uuid4()))
