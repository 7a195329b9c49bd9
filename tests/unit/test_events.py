"""b2bua.events: the events' wire form, and the bus."""

from __future__ import annotations

import dataclasses
import json
import logging
import uuid
from datetime import UTC, datetime

import pytest

from b2bua.events import (
    EVENTS,
    Cdr,
    Event,
    EventBus,
    LegConnected,
    LegDisconnected,
    LegRinging,
    OfferedCodec,
    Published,
    Quality,
    RoomCreated,
)

CODEC = OfferedCodec(name="PCMU", payload_type=0, clock_rate=8000, priority=1)


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (RoomCreated(room_id="r"), {"room_id": "r"}),
        (RoomCreated(room_id="r", app_id="a"), {"room_id": "r", "app_id": "a"}),
        (LegConnected(leg_id="l", leg_type="sip_inbound"), {"leg_id": "l", "leg_type": "sip_inbound"}),
        (
            LegRinging(leg_id="l", leg_type="sip_inbound", from_="alice", to="1000", offered_codecs=[CODEC]),
            {
                "leg_id": "l",
                "leg_type": "sip_inbound",
                "from": "alice",
                "to": "1000",
                "offered_codecs": [{"name": "PCMU", "payload_type": 0, "clock_rate": 8000, "priority": 1}],
            },
        ),
        (
            LegRinging(leg_id="l", leg_type="sip_outbound", uri="sip:a@b", sip_headers={"X-A": "1"}),
            {"leg_id": "l", "leg_type": "sip_outbound", "uri": "sip:a@b", "sip_headers": {"X-A": "1"}},
        ),
        (
            LegDisconnected(leg_id="l", cdr=Cdr(reason="busy", duration_total=1.5, duration_answered=0)),
            {"leg_id": "l", "cdr": {"reason": "busy", "duration_total": 1.5, "duration_answered": 0}},
        ),
    ],
)
def test_fields_are_plain_data_under_their_wire_names(event: Event, fields: dict[str, object]) -> None:
    """Nested objects become objects, what is not set is left out, `from_` is `from`."""
    assert event.fields() == fields
    json.dumps(event.fields())


def test_quality_is_nested_when_there_is_some() -> None:
    """And left out otherwise."""
    cdr = Cdr(reason="remote_bye", duration_total=2, duration_answered=1)
    quality = Quality(mos_score=4.4, rtp_packets_received=50, rtp_packets_lost=0, rtp_jitter_ms=0.1)
    assert LegDisconnected(leg_id="l", cdr=cdr, quality=quality).fields()["quality"]["mos_score"] == 4.4
    assert "quality" not in LegDisconnected(leg_id="l", cdr=cdr).fields()


def test_every_event_is_declared_once_and_listed() -> None:
    """Each has a wire name of its own and a summary, and is frozen."""
    assert set(EVENTS) == set(Event.__subclasses__())
    assert len({event.type for event in EVENTS}) == len(EVENTS)
    for event in EVENTS:
        assert event.type.count(".") == 1
        assert event.summary
        assert dataclasses.is_dataclass(event)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 8, 20, 9, 30, 1, 250000, tzinfo=UTC), "2026-08-20T09:30:01.250000Z"),
        (datetime(2026, 8, 20, 9, 30, 1, tzinfo=UTC), "2026-08-20T09:30:01Z"),
    ],
)
def test_the_body_is_the_envelope_and_the_fields_in_one_flat_object(moment: datetime, text: str) -> None:
    """The timestamp is RFC 3339 in UTC."""
    published = Published(RoomCreated(room_id="r"), "here", moment, "id")
    assert published.body == {
        "type": "room.created",
        "timestamp": text,
        "instance_id": "here",
        "event_id": "id",
        "room_id": "r",
    }


def test_every_subscriber_gets_every_event_in_order() -> None:
    """The same object, before publish() returns."""
    bus = EventBus("here")
    first: list[Published] = []
    second: list[Published] = []
    bus.subscribe(first.append)
    bus.subscribe(second.append)
    for room in "abc":
        bus.publish(RoomCreated(room_id=room))
    assert [published.body["room_id"] for published in first] == ["a", "b", "c"]
    assert first == second
    assert len({uuid.UUID(published.event_id) for published in first}) == 3
    assert all(published.instance_id == "here" for published in first)


def test_an_unsubscribed_subscriber_gets_nothing_more() -> None:
    """Even one that leaves while an event is being handed out."""
    bus = EventBus("here")
    seen: list[str] = []

    def once(published: Published) -> None:
        seen.append(published.event.type)
        leave()

    leave = bus.subscribe(once)
    others: list[Published] = []
    bus.subscribe(others.append)
    bus.publish(RoomCreated(room_id="a"))
    bus.publish(RoomCreated(room_id="b"))
    assert seen == ["room.created"]
    assert len(others) == 2


def test_a_subscriber_that_fails_costs_nobody_else_the_event(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and publish() returns as always."""
    bus = EventBus("here")

    def broken(_: Published) -> None:
        raise ValueError("broken")

    bus.subscribe(broken)
    seen: list[Published] = []
    bus.subscribe(seen.append)
    with caplog.at_level(logging.ERROR):
        bus.publish(RoomCreated(room_id="a"))
    assert len(seen) == 1
    assert "room.created" in caplog.text
