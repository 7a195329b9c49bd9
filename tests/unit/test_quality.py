"""b2bua.quality: the simplified E-model of the contract."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.quality import mos, quality
from b2bua.sip.notices import StreamStatistics

percents = st.floats(0, 100)
jitters = st.floats(0, 1000)


@pytest.mark.parametrize(
    ("lost_percent", "jitter_ms", "score"),
    [
        (0, 0, 4.40),
        (1, 0, 4.35),
        (10, 0, 3.50),
        (0, 20, 4.38),
        (0, 74.9, 4.32),
        (0, 75, 3.99),  # from 160 ms of latency on
        (40, 0, 1.0),
        (100, 500, 1.0),
    ],
)
def test_mos_follows_loss_and_jitter(lost_percent: float, jitter_ms: float, score: float) -> None:
    """Worked by hand from L = 2J + 10, R = 93.2 - L/40 - 10 [L >= 160] - 2.5 P."""
    assert mos(lost_percent, jitter_ms) == pytest.approx(score, abs=0.01)


@given(percents, jitters)
def test_mos_is_between_one_and_five(lost_percent: float, jitter_ms: float) -> None:
    """Whatever goes in."""
    assert 1 <= mos(lost_percent, jitter_ms) <= 5


@pytest.mark.parametrize("packets", [0, 1])
def test_of_fewer_than_two_packets_nothing_is_said(packets: int) -> None:
    """No quality object then."""
    assert quality(StreamStatistics(packets=packets, lost=5)) is None


def test_quality_reports_what_was_received() -> None:
    """Counts as they are, jitter and score with two decimals, loss as a share of what was expected."""
    received = quality(StreamStatistics(packets=90, lost=10, jitter_ms=1.23456))
    assert received is not None
    assert (received.rtp_packets_received, received.rtp_packets_lost) == (90, 10)
    assert received.rtp_jitter_ms == 1.23
    assert received.mos_score == round(mos(10, 1.23456), 2)


def test_statistics_of_several_streams_add_up() -> None:
    """The last jitter that says something stays."""
    first, second = StreamStatistics(10, 1, 2.0), StreamStatistics(5, 0, 3.0)
    assert first + second == StreamStatistics(15, 1, 3.0)
    assert first + StreamStatistics() == first
