"""b2bua.leg: what happens to one leg."""

from __future__ import annotations

import asyncio

import pytest

from b2bua.ids import LegId
from b2bua.leg import Leg, LegStream, LegType
from b2bua.leg_state import LegInput, LegState
from media.mixer import PortName


def make_leg() -> Leg:
    return Leg(LegId("one"), LegType.SIP_INBOUND)


def test_a_leg_begins_with_one_stream_under_its_own_name() -> None:
    """The primary stream is number 0."""
    leg = make_leg()
    assert leg.audio is leg.streams[0]
    assert leg.audio.name == "one#0"


def test_a_repeated_input_changes_nothing() -> None:
    """And says so."""
    leg = make_leg()
    assert leg.happen(LegInput.ANSWERED)
    assert not leg.happen(LegInput.ANSWERED)
    assert leg.state is LegState.CONNECTED


def test_the_answer_is_counted_from_the_first_time_connected() -> None:
    """A hold does not start the duration anew."""
    leg = make_leg()
    assert leg.durations()[1] == 0
    leg.happen(LegInput.ANSWERED)
    answered = leg.answered_at
    leg.happen(LegInput.HELD)
    leg.happen(LegInput.UNHELD)
    assert leg.answered_at == answered is not None


@pytest.mark.parametrize(
    ("inputs", "settled"),
    [
        ([], False),
        ([LegInput.EARLY_MEDIA], False),
        ([LegInput.ANSWERED], True),
        ([LegInput.ENDED], True),
        ([LegInput.EARLY_MEDIA, LegInput.ANSWERED], True),
    ],
)
def test_a_leg_is_settled_when_answered_or_over(inputs: list[LegInput], settled: bool) -> None:
    """What waits for an answer need wait no longer."""
    leg = make_leg()
    for happened in inputs:
        leg.happen(happened)
    assert leg.settled.is_set() is settled


@pytest.mark.parametrize(
    ("inputs", "able"),
    [
        ([], False),
        ([LegInput.EARLY_MEDIA], True),
        ([LegInput.ANSWERED], True),
        ([LegInput.ANSWERED, LegInput.HELD], False),
        ([LegInput.ANSWERED, LegInput.ENDED], False),
    ],
)
def test_only_connected_legs_and_early_media_can_be_in_a_room(inputs: list[LegInput], able: bool) -> None:
    """A held leg cannot join."""
    leg = make_leg()
    for happened in inputs:
        leg.happen(happened)
    assert leg.in_conversation is able


async def test_the_end_cancels_both_deadlines() -> None:
    """A leg that is over is not ended again by a timer."""
    leg = make_leg()
    loop = asyncio.get_running_loop()
    leg.timers.ring = loop.call_later(60, lambda: None)
    leg.timers.duration = loop.call_later(60, lambda: None)
    leg.happen(LegInput.ENDED)
    assert leg.timers.ring.cancelled()
    assert leg.timers.duration.cancelled()


def test_durations_count_from_creation_and_from_the_answer() -> None:
    """In seconds with two decimals."""
    leg = make_leg()
    leg.happen(LegInput.ANSWERED)
    leg.created_at -= 10.126
    assert leg.answered_at is not None
    leg.answered_at -= 5
    total, answered = leg.durations()
    assert total == round(total, 2) == pytest.approx(10.126, abs=0.5)
    assert answered == round(answered, 2) == pytest.approx(5, abs=0.5)


def test_a_stream_without_a_port_waits_at_the_lowest_rate() -> None:
    """There is nothing to lose yet, and closing it is fine."""
    stream = LegStream(PortName("one#0"))
    assert stream.home_rate == 8000
    stream.close()
    assert stream.port is None
