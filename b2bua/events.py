"""Every event, declared once, and the bus that carries them.

The webhook body, the VSI frame and the schemas all come out of these declarations (api/). Field names are wire names;
a field that is None is left out. `REQUIRED`-ness is not on the wire: clients must ignore what they do not know.
"""

from __future__ import annotations

import dataclasses
import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. `type` is the wire name, `summary` goes into the schema."""

    type: ClassVar[str]
    summary: ClassVar[str]

    app_id: str | None = None

    def fields(self) -> dict[str, Any]:
        """The payload: what is set, as plain data."""
        return dict(_plain_fields(self))


def _plain_fields(value: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(value):
        content = getattr(value, field.name)
        if content is not None:
            yield field.name, _plain(content)


def _plain(content: Any) -> Any:
    if dataclasses.is_dataclass(content):
        return dict(_plain_fields(content))
    if isinstance(content, list | tuple):
        return [_plain(item) for item in content]
    if isinstance(content, dict):
        return {key: _plain(item) for key, item in content.items()}
    return content


@dataclass(frozen=True, kw_only=True)
class OfferedCodec:
    """A codec in the caller's offer (RFC 3264)."""

    name: str
    payload_type: int
    clock_rate: int
    priority: int
    """From 1, in the offer's order."""


@dataclass(frozen=True, kw_only=True)
class Cdr:
    """Call detail record. Durations in seconds, two decimals."""

    reason: str
    duration_total: float
    duration_answered: float


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Quality of the audio received from a SIP leg."""

    mos_score: float
    rtp_packets_received: int
    rtp_packets_lost: int
    rtp_jitter_ms: float


@dataclass(frozen=True, kw_only=True)
class LegRinging(Event):
    type = "leg.ringing"
    summary = "SIP call ringing (inbound or outbound)"
    leg_id: str
    leg_type: str
    uri: str | None = None
    from_: str | None = dataclasses.field(default=None, metadata={"name": "from"})
    to: str | None = None
    sip_headers: dict[str, str] | None = None
    offered_codecs: list[OfferedCodec] | None = None

    def fields(self) -> dict[str, Any]:
        named = super().fields()
        if "from_" in named:
            named["from"] = named.pop("from_")
        return named


@dataclass(frozen=True, kw_only=True)
class LegEarlyMedia(Event):
    type = "leg.early_media"
    summary = "Early media: audio flows before the answer"
    leg_id: str
    leg_type: str


@dataclass(frozen=True, kw_only=True)
class LegConnected(Event):
    type = "leg.connected"
    summary = "Leg answered/connected"
    leg_id: str
    leg_type: str


@dataclass(frozen=True, kw_only=True)
class LegDisconnected(Event):
    type = "leg.disconnected"
    summary = "Leg hung up (CDR-style nested structure)"
    leg_id: str
    cdr: Cdr
    quality: Quality | None = None


@dataclass(frozen=True, kw_only=True)
class LegJoinedRoom(Event):
    type = "leg.joined_room"
    summary = "Leg added to a room"
    leg_id: str
    room_id: str


@dataclass(frozen=True, kw_only=True)
class LegLeftRoom(Event):
    type = "leg.left_room"
    summary = "Leg removed from a room"
    leg_id: str
    room_id: str


@dataclass(frozen=True, kw_only=True)
class LegMuted(Event):
    type = "leg.muted"
    summary = "Leg muted"
    leg_id: str


@dataclass(frozen=True, kw_only=True)
class LegUnmuted(Event):
    type = "leg.unmuted"
    summary = "Leg unmuted"
    leg_id: str


@dataclass(frozen=True, kw_only=True)
class LegDeaf(Event):
    type = "leg.deaf"
    summary = "Leg deafened (stops receiving room audio)"
    leg_id: str


@dataclass(frozen=True, kw_only=True)
class LegUndeaf(Event):
    type = "leg.undeaf"
    summary = "Leg undeafened (resumes receiving room audio)"
    leg_id: str


@dataclass(frozen=True, kw_only=True)
class LegRoleChanged(Event):
    type = "leg.role_changed"
    summary = "A leg's routing role changed"
    leg_id: str
    room_id: str | None = None
    old_role: str
    new_role: str


@dataclass(frozen=True, kw_only=True)
class RoomRoutingChanged(Event):
    type = "room.routing_changed"
    summary = "The room's audio routing matrix changed"
    room_id: str
    matrix: dict[str, list[str]]
    reason: str
    """set, update, leg_joined or leg_role_changed."""


@dataclass(frozen=True, kw_only=True)
class LegCommandFailed(Event):
    type = "leg.command_failed"
    summary = "An asynchronous leg command (202 Accepted) failed during execution"
    leg_id: str
    command: str
    error: str


@dataclass(frozen=True, kw_only=True)
class RoomCreated(Event):
    type = "room.created"
    summary = "Room created"
    room_id: str


@dataclass(frozen=True, kw_only=True)
class RoomDeleted(Event):
    type = "room.deleted"
    summary = "Room deleted"
    room_id: str


@dataclass(frozen=True, kw_only=True)
class RoomBridged(Event):
    type = "room.bridged"
    summary = "Two rooms' mixers were joined"
    bridge_id: str
    room_a_id: str
    room_b_id: str
    direction: str
    """bidirectional, a_to_b, b_to_a or none."""


@dataclass(frozen=True, kw_only=True)
class RoomBridgeUpdated(Event):
    type = "room.bridge_updated"
    summary = "A bridge's audio flow direction changed"
    bridge_id: str
    room_a_id: str
    room_b_id: str
    direction: str


@dataclass(frozen=True, kw_only=True)
class RoomUnbridged(Event):
    type = "room.unbridged"
    summary = "A bridge was torn down"
    bridge_id: str
    room_a_id: str
    room_b_id: str
    reason: str | None = None
    """room_deleted, or absent when the bridge itself was deleted."""


@dataclass(frozen=True, kw_only=True)
class RecordingStarted(Event):
    type = "recording.started"
    summary = "Recording began"
    leg_id: str | None = None
    room_id: str | None = None
    file: str


@dataclass(frozen=True, kw_only=True)
class RecordingFinished(Event):
    type = "recording.finished"
    summary = "Recording ended"
    leg_id: str | None = None
    room_id: str | None = None
    file: str


EVENTS: tuple[type[Event], ...] = (
    LegRinging,
    LegEarlyMedia,
    LegConnected,
    LegDisconnected,
    LegJoinedRoom,
    LegLeftRoom,
    LegMuted,
    LegUnmuted,
    LegDeaf,
    LegUndeaf,
    LegRoleChanged,
    RoomRoutingChanged,
    LegCommandFailed,
    RoomCreated,
    RoomDeleted,
    RoomBridged,
    RoomBridgeUpdated,
    RoomUnbridged,
    RecordingStarted,
    RecordingFinished,
)


@dataclass(frozen=True)
class Published:
    """An event with its envelope: what happened, when, and an id that stays the same wherever it is delivered."""

    event: Event
    instance_id: str
    timestamp: datetime
    event_id: str

    @cached_property
    def body(self) -> dict[str, Any]:
        """The flat object that clients receive."""
        return {
            "type": self.event.type,
            "timestamp": self.timestamp.isoformat().replace("+00:00", "Z"),
            "instance_id": self.instance_id,
            "event_id": self.event_id,
            **self.event.fields(),
        }


Subscriber = Callable[[Published], None]


class EventBus:
    """Hands each event to every subscriber, in order, before publish() returns. Subscribers must not block."""

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add a subscriber; the returned function takes it out again."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    def publish(self, event: Event) -> None:
        published = Published(event, self.instance_id, datetime.now(UTC), str(uuid.uuid4()))
        log.debug("event %s", published.body)
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(published)
            except Exception:  # one bad subscriber must not cost the others the event
                log.exception("a subscriber failed on %s", event.type)
