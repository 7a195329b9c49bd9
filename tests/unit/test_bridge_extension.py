"""media._bridge: bridges, and the ports that come and go in them."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from resource import getpagesize

import pytest

from media._bridge import DRAIN, FRAME_MS, Bridge, PjError, RingPort
from tests.kit.signal import level, tone
from tests.unit.audio import SILENT_DB, heard, next_ticks, wait_ticks

RATE = 8000
FREQUENCIES = (440.0, 700.0, 1100.0)


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    opened = Bridge(RATE)
    yield opened
    opened.close()


def add_pair(bridge: Bridge, gain: float = 1.0) -> tuple[RingPort, RingPort, int, int]:
    """A speaker and a listener who hears it, with their slots."""
    speaker, listener = RingPort(bridge.rate, write_ms=3000), RingPort(bridge.rate)
    source, sink = bridge.add(speaker), bridge.add(listener)
    bridge.connect(source, sink, gain)
    return speaker, listener, source, sink


def speak(port: RingPort, frequency: float = 440.0, seconds: float = 2.0) -> None:
    port.write(tone(frequency, port.rate, seconds, dbfs=-20))


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()


async def test_everybody_hears_the_others_and_not_itself(bridge: Bridge) -> None:
    """Of three who speak at once, each hears the two others at their level and its own tone 40 dB down."""
    ports = [RingPort(RATE, write_ms=3000) for _ in FREQUENCIES]
    slots = [bridge.add(port) for port in ports]
    for source in slots:
        for sink in slots:
            if source != sink:
                bridge.connect(source, sink)
    for port, frequency in zip(ports, FREQUENCIES, strict=True):
        speak(port, frequency)
    for port, own in zip(ports, FREQUENCIES, strict=True):
        samples = await heard(port)
        for frequency in FREQUENCIES:
            expected = level(samples, frequency, RATE)
            assert expected < -60 if frequency == own else abs(expected + 20) < 0.5


@pytest.mark.parametrize(("gain", "change_db"), [(1.0, 0.0), (0.5, -6.02), (2.0, 6.02), (0.125, -18.06)])
async def test_a_connections_gain_is_linear(bridge: Bridge, gain: float, change_db: float) -> None:
    """0.5 is 6 dB less, 2 is 6 dB more."""
    speaker, listener, _, _ = add_pair(bridge, gain)
    speak(speaker)
    assert level(await heard(listener), 440, RATE) == pytest.approx(-20 + change_db, abs=0.3)


async def test_set_gain_changes_a_connection_that_is_there(bridge: Bridge) -> None:
    """From unity to a quarter, and to nothing at all."""
    speaker, listener, source, sink = add_pair(bridge)
    speak(speaker)
    assert level(await heard(listener), 440, RATE) == pytest.approx(-20, abs=0.3)
    bridge.set_gain(source, sink, 0.25)
    assert level(await heard(listener), 440, RATE) == pytest.approx(-32, abs=0.3)
    bridge.set_gain(source, sink, 0)
    assert level(await heard(listener), 440, RATE) < SILENT_DB


async def test_a_disconnected_listener_hears_silence_that_goes_on(bridge: Bridge) -> None:
    """Its time does not stop: as many samples come, all of them quiet."""
    speaker, listener, source, sink = add_pair(bridge)
    speak(speaker)
    assert level(await heard(listener), 440, RATE) > -21
    bridge.disconnect(source, sink)
    assert level(await heard(listener), 440, RATE) < SILENT_DB


async def test_a_port_may_be_removed_while_it_is_connected(bridge: Bridge) -> None:
    """The other side goes silent, and the removed one hears nothing more."""
    speaker, listener, source, sink = add_pair(bridge)
    bridge.connect(sink, source)
    speak(speaker)
    assert level(await heard(listener), 440, RATE) > -21
    bridge.remove(source)
    assert level(await heard(listener), 440, RATE) < SILENT_DB
    speaker.read()
    wait_ticks(bridge, 3)
    assert speaker.readable == 0
    assert bridge.ports == 1


@pytest.mark.parametrize(("before", "after"), [(8000, 16000), (16000, 8000), (16000, 48000), (48000, 8000)])
async def test_a_port_moves_to_a_bridge_of_another_rate(before: int, after: int) -> None:
    """Heard there at the same level, within 0.5 dB, and no more in the bridge that it left."""
    old, new = Bridge(before), Bridge(after)
    speaker = RingPort(before, write_ms=3000)
    left_behind, listener = RingPort(before), RingPort(after)
    old.connect(old.add(speaker), old.add(left_behind))
    speak(speaker)
    first = level(await heard(left_behind), 440, before)
    new.connect(new.add(speaker), new.add(listener))
    assert level(await heard(listener), 440, after) == pytest.approx(first, abs=0.5)
    assert level(await heard(left_behind), 440, before) < SILENT_DB
    old.close()
    new.close()


def test_a_thousand_ports_come_and_go_without_a_trace() -> None:
    """While the clock runs: after the third round memory is what it was after the first, and no port is left."""
    bridge = Bridge(RATE)
    resident = []
    for _ in range(3):
        slots = [bridge.add(RingPort(RATE, read_ms=100, write_ms=100)) for _ in range(1000)]
        for source, sink in itertools.pairwise(slots):
            bridge.connect(source, DRAIN)
            bridge.connect(source, sink)
        assert bridge.ports == 1000
        wait_ticks(bridge, 2)
        for slot in slots:
            bridge.remove(slot)
        assert bridge.ports == 0
        wait_ticks(bridge, 25)  # the conference lets go of them over the next ticks
        resident.append(resident_bytes())
    bridge.close()
    assert resident[2] - resident[0] < 3_000_000, resident


def test_the_clock_ticks_fifty_times_a_second(bridge: Bridge) -> None:
    """Measured over 50 ticks, and `count` agrees with the eventfd."""
    next_ticks(bridge)
    began, first = time.monotonic(), bridge.statistics()["count"]
    seen = 0
    while seen < 50:
        seen += next_ticks(bridge)
    elapsed, counted = time.monotonic() - began, bridge.statistics()["count"] - first
    assert abs(counted - seen) <= 1
    assert counted / elapsed == pytest.approx(1000 / FRAME_MS, rel=0.1)


def test_the_eventfd_is_readable_at_each_tick_and_gone_after_close(bridge: Bridge) -> None:
    """What is read is the number of ticks since the last time."""
    next_ticks(bridge)
    assert next_ticks(bridge) >= 1
    bridge.close()
    assert bridge.fileno() == -1


@pytest.mark.parametrize("rate", [0, 11025, 24000, 44100])
def test_a_bridge_runs_at_three_rates_only(rate: int) -> None:
    """8000, 16000 and 48000 Hz."""
    with pytest.raises(ValueError, match="8000, 16000 or 48000"):
        Bridge(rate)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda bridge: bridge.remove(77),
        lambda bridge: bridge.remove(DRAIN),
        lambda bridge: bridge.connect(77, DRAIN),
        lambda bridge: bridge.connect(DRAIN, 77),
        lambda bridge: bridge.disconnect(77, DRAIN),
        lambda bridge: bridge.levels(77),
        lambda bridge: bridge.connect(DRAIN, DRAIN, -0.1),
        lambda bridge: bridge.connect(DRAIN, DRAIN, 16.1),
        lambda bridge: bridge.connect(DRAIN, DRAIN, float("nan")),
        lambda bridge: Bridge(RATE, max_ports=1),
    ],
)
def test_an_argument_that_cannot_be_right_is_a_value_error(bridge: Bridge, misuse: Callable[[Bridge], None]) -> None:
    """Slots that hold no port, the bridge's own slot, gains outside 0 to 16."""
    with pytest.raises(ValueError, match=r"\w"):
        misuse(bridge)


def test_a_full_bridge_refuses_the_next_port() -> None:
    """With pjmedia's own words, and without harm to the ports that are in."""
    bridge = Bridge(RATE, max_ports=2)
    bridge.add(RingPort(RATE))
    with pytest.raises(PjError, match="add port to bridge"):
        bridge.add(RingPort(RATE))
    assert bridge.ports == 1
    bridge.close()


@pytest.mark.parametrize(
    "use",
    [
        lambda bridge: bridge.add(RingPort(RATE)),
        lambda bridge: bridge.remove(1),
        lambda bridge: bridge.connect(1, DRAIN),
        lambda bridge: bridge.disconnect(1, DRAIN),
        lambda bridge: bridge.set_gain(1, DRAIN, 1.0),
        lambda bridge: bridge.levels(1),
    ],
)
def test_a_closed_bridge_refuses_everything(bridge: Bridge, use: Callable[[Bridge], None]) -> None:
    """With a RuntimeError; closing it again is fine."""
    bridge.add(RingPort(RATE))
    bridge.close()
    bridge.close()
    assert bridge.ports == 0
    with pytest.raises(RuntimeError, match="closed"):
        use(bridge)


def test_nothing_cannot_be_added_to_a_bridge() -> None:
    """None is a TypeError, not a crash."""
    script = "from media._bridge import Bridge\ntry:\n  Bridge(8000).add(None)\nexcept TypeError:\n  print('refused')"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert result.stdout == "refused\n"
