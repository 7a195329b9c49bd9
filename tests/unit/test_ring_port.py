"""media._bridge.RingPort: what Python reads from and writes to a bridge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from media._bridge import DRAIN, FRAME_MS, Bridge, Port, RingPort
from tests.kit.waiting import eventually
from tests.unit.audio import wait_ticks

RATE = 8000


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    opened = Bridge(RATE)
    yield opened
    opened.close()


async def test_what_nobody_reads_is_lost_and_counted_in_samples(bridge: Bridge) -> None:
    """The oldest stays: a full ring takes no more, frame by frame."""
    port = RingPort(RATE, read_ms=100)
    bridge.add(port)
    await eventually(lambda: "" if port.overrun_samples else "nothing was lost yet")
    assert port.readable == RATE // 10
    assert port.overrun_samples % (RATE * FRAME_MS // 1000) == 0


async def test_audio_that_runs_out_in_mid_flow_is_one_underrun(bridge: Bridge) -> None:
    """However long the silence after it lasts; the next stretch that runs out is the second."""
    port = RingPort(RATE)
    bridge.connect(bridge.add(port), DRAIN)
    for times in (1, 2):
        port.write(np.ones(400, np.int16))  # two frames and a half
        wait_ticks(bridge, 6)
        assert port.underruns == times


def test_write_takes_only_what_fits() -> None:
    """And says how much that was; the depth is never less than two frames."""
    port = RingPort(RATE, write_ms=100)
    assert port.write(np.zeros(500, np.int16)) == 500
    assert port.writable == 300
    assert port.write(np.zeros(500, np.int16)) == 300
    assert port.write(np.zeros(1, np.int16)) == 0
    assert RingPort(RATE, write_ms=1).writable == 2 * RATE * FRAME_MS // 1000


@pytest.mark.parametrize(("most", "taken"), [(None, 800), (0, 0), (100, 100), (100_000, 800)])
async def test_read_takes_at_most_what_is_asked(bridge: Bridge, most: int | None, taken: int) -> None:
    """Everything when nothing is asked, and never more than there is."""
    port = RingPort(RATE, read_ms=100)
    slot = bridge.add(port)
    await eventually(lambda: "" if port.readable == 800 else f"{port.readable} of 800")
    bridge.remove(slot)
    assert len(port.read(most)) == taken
    assert port.readable == 800 - taken


def test_a_port_without_a_read_side_hears_nothing(bridge: Bridge) -> None:
    """And loses nothing either."""
    port = RingPort(RATE, read_ms=0)
    bridge.add(port)
    wait_ticks(bridge, 3)
    assert (port.readable, port.overrun_samples, len(port.read())) == (0, 0, 0)


def test_a_port_without_a_write_side_takes_nothing() -> None:
    """Depth 0 leaves that direction out."""
    port = RingPort(RATE, write_ms=0)
    assert port.write(np.ones(10, np.int16)) == 0


@pytest.mark.parametrize("rate", [0, 7950, 44100 + 1, 48050, 8001])
def test_a_ring_port_needs_a_rate_with_whole_frames(rate: int) -> None:
    """8000 to 48000 Hz, in steps of 50."""
    with pytest.raises(ValueError, match="8000 to 48000"):
        RingPort(rate)


@pytest.mark.parametrize(
    "samples", [np.zeros(4, np.float32), np.zeros(4, np.uint16), np.zeros(4, np.int32), np.zeros(8, np.int16)[::2]]
)
def test_write_refuses_what_is_not_a_block_of_int16(samples: npt.NDArray[np.int16]) -> None:
    """No silent conversion: a wrong type or a view with gaps is a TypeError."""
    with pytest.raises(TypeError):
        RingPort(RATE).write(samples)


def test_write_refuses_two_dimensions() -> None:
    """Ports are mono."""
    with pytest.raises(ValueError, match="one-dimensional"):
        RingPort(RATE).write(np.zeros((2, 4), np.int16))


def test_a_port_is_one_of_the_kinds_that_there_are() -> None:
    """The base class cannot be made."""
    with pytest.raises(TypeError):
        Port()
