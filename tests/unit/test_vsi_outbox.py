"""api.vsi: what waits for one client, and what counts as a frame."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.vsi import Outbox, encode, encoded, parse_frame
from b2bua.events import EventBus, Published, RoomCreated

DROPPED = "events_dropped"


async def taken(outbox: Outbox, most: int | None = None) -> list[Any]:
    """The frames to write now; `most` leaves the rest."""
    frames = await asyncio.wait_for(outbox.frames(), 5)
    return [json.loads(text) for text in itertools.islice(frames, most)]


def put(outbox: Outbox, *events: int) -> None:
    for number in events:
        outbox.event(json.dumps(number))


def notice(count: int) -> dict[str, object]:
    return {"type": DROPPED, "count": count}


async def test_events_come_out_in_order() -> None:
    """As they were published."""
    outbox = Outbox(16)
    put(outbox, 1, 2, 3)
    assert await taken(outbox) == [1, 2, 3]
    put(outbox, 4)
    assert await taken(outbox) == [4]


async def test_a_full_queue_drops_the_newest() -> None:
    """What was there first stays; without a further event nothing is said of it."""
    outbox = Outbox(2)
    put(outbox, 1, 2, 3, 4)
    assert await taken(outbox) == [1, 2]


async def test_the_next_event_that_gets_through_is_preceded_by_the_count() -> None:
    """Immediately, once, and the count begins anew."""
    outbox = Outbox(2)
    put(outbox, 1, 2, 3, 4, 5)
    assert await taken(outbox) == [1, 2]
    put(outbox, 6, 7, 8)
    assert await taken(outbox) == [notice(3), 6, 7]
    put(outbox, 9, 10)
    assert await taken(outbox) == [notice(1), 9, 10]


async def test_a_notice_stands_between_the_events_that_it_fell_between() -> None:
    """Even when the queue has not been emptied in between."""
    outbox = Outbox(2)
    put(outbox, 1, 2, 3)
    assert await taken(outbox, 1) == [1]
    put(outbox, 4, 5)
    assert await taken(outbox) == [2, notice(1), 4]
    put(outbox, 6)
    assert await taken(outbox) == [notice(1), 6]


async def test_replies_overtake_events_and_are_never_dropped() -> None:
    """Also those that come while events are being written."""
    outbox = Outbox(2)
    put(outbox, 1, 2, 3)
    for number in range(5):
        outbox.reply({"reply": number})
    frames = await outbox.frames()
    first = [json.loads(next(frames)) for _ in range(6)]
    outbox.reply({"reply": 5})
    assert first == [*({"reply": number} for number in range(5)), 1]
    assert [json.loads(text) for text in frames] == [{"reply": 5}, 2]


async def test_waiting_ends_with_the_first_frame() -> None:
    """Event or reply."""
    outbox = Outbox(2)
    fills: list[tuple[Callable[[], None], object]] = [(lambda: put(outbox, 1), 1), (lambda: outbox.reply({}), {})]
    for fill, frame in fills:
        waiting = asyncio.create_task(taken(outbox))
        await asyncio.sleep(0)
        assert not waiting.done()
        fill()
        assert await waiting == [frame]


@given(st.integers(1, 5), st.lists(st.one_of(st.integers(1, 8), st.none()), max_size=30))
def test_every_event_is_delivered_or_counted_exactly_once(capacity: int, steps: list[int | None]) -> None:
    """However publishing (a number of events) and writing (None) alternate: the frames tell which were missed."""

    async def run() -> tuple[int, list[Any]]:
        outbox, published = Outbox(capacity), 0
        frames: list[Any] = []
        for step in [*steps, None, 1, None]:
            if step is not None:
                put(outbox, *range(published, published + step))
                published += step
            else:
                outbox.reply({})  # there is always something to write
                frames += [frame for frame in await taken(outbox) if frame != {}]
        return published, frames

    published, frames = asyncio.run(run())
    expected = 0
    for frame in frames:
        if isinstance(frame, dict):
            expected += frame["count"]
        else:
            assert frame == expected
            expected += 1
    assert expected == published  # the last event always got through


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("{}", {}),
        ('{"type":"list_legs"}', {"type": "list_legs"}),
        ('{"type":"a","request_id":"1","payload":[1]}', {"type": "a", "request_id": "1", "payload": [1]}),
        ('{"type":null,"request_id":null}', {"type": None, "request_id": None}),
        ('{"type":"a","request_id":"","more":1}', {"type": "a", "request_id": "", "more": 1}),
        ("", None),
        ("{", None),
        ("[]", None),
        ("1", None),
        ("null", None),
        ('"text"', None),
        ('{"type":1}', None),
        ('{"type":{}}', None),
        ('{"type":"a","request_id":7}', None),
        ('{"type":"a","request_id":false}', None),
        ("[" * 100_000, None),
        ('{"type":"a"} trailing', None),
    ],
)
def test_a_frame_is_an_object_whose_names_are_text(text: str, frame: dict[str, Any] | None) -> None:
    """Everything else is none; nothing raises."""
    assert parse_frame(text) == frame


@pytest.mark.parametrize("text", [r'{"type":"\ud800"}', r'{"type":"a","request_id":"\udfff"}'])
def test_a_frame_is_none_or_can_be_answered(text: str) -> None:
    """JSON can escape what is no character; a WebSocket cannot carry it back."""
    frame = parse_frame(text)
    assert frame is None or encode(frame).encode()


def test_an_event_can_always_be_sent() -> None:
    """Whatever a client put into it."""
    seen: list[Published] = []
    bus = EventBus("here")
    bus.subscribe(seen.append)
    bus.publish(RoomCreated(room_id="\ud800"))
    assert encoded(seen[0]).encode()


def test_an_event_is_encoded_once_for_all_clients() -> None:
    """The very same text."""
    seen: list[Published] = []
    bus = EventBus("here")
    bus.subscribe(seen.append)
    bus.publish(RoomCreated(room_id="Küche"))
    assert encoded(seen[0]) is encoded(seen[0])
    assert json.loads(encoded(seen[0])) == seen[0].body
    assert "Küche" in encoded(seen[0])
