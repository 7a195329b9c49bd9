"""media.recorder: taps in a bridge, drained into files."""

from __future__ import annotations

import asyncio
import shutil
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from media import recorder as module
from media import wav
from media._bridge import Bridge, RingPort
from media.recorder import Recorder, Tap
from tests.kit.signal import Samples, gaps, level, tone
from tests.kit.waiting import eventually
from tests.unit.audio import wait_ticks

RATE = 8000
FRAME = RATE // 50


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    running = Recorder()
    yield running
    await running.close()


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    opened = Bridge(RATE)
    yield opened
    opened.close()


def samples_of(path: Path | None) -> Samples:
    assert path is not None
    with wave.open(str(path)) as file:
        assert file.getframerate() == RATE
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def tap_a_tone(bridge: Bridge, tap: Tap) -> None:
    """Let the tap hear 440 Hz from its first frame on."""
    speaker = RingPort(RATE, write_ms=5000)
    speaker.write(tone(440, RATE, 5.0))
    bridge.connect(bridge.add(speaker), bridge.add(tap.port))


async def recorded(tap: Tap, seconds: float) -> None:
    """Wait until that much is in the file."""
    await eventually(lambda: "" if tap.writer.frames >= seconds * RATE else f"{tap.writer.frames} frames so far")


async def test_the_file_has_what_was_heard_from_begin_to_end(
    tmp_path: Path, recorder: Recorder, bridge: Bridge
) -> None:
    """The tone, without gaps, as long as the tap was in the bridge."""
    tap = Tap(tmp_path / "a.wav", RATE)
    first = bridge.statistics()["count"]
    tap_a_tone(bridge, tap)
    recorder.start(tap)
    await recorded(tap, 0.8)
    ticks = bridge.statistics()["count"] - first
    path = await recorder.finish(tap)
    samples = samples_of(path)
    assert path == tmp_path / "a.wav"
    assert len(samples) == pytest.approx(ticks * FRAME, abs=3 * FRAME)
    assert level(samples[FRAME * 2 :], 440, RATE) == pytest.approx(-12, abs=0.3)
    assert gaps(samples, RATE) == []


async def test_taps_are_recorded_side_by_side(tmp_path: Path, recorder: Recorder, bridge: Bridge) -> None:
    """Each into its own file; finishing one leaves the others running."""
    taps = [Tap(tmp_path / f"{number}.wav", RATE) for number in range(3)]
    for tap in taps:
        tap_a_tone(bridge, tap)
        recorder.start(tap)
    for seconds, tap in zip((0.1, 0.3, 0.5), taps, strict=True):
        await recorded(tap, seconds)
        assert len(samples_of(await recorder.finish(tap))) >= seconds * RATE


def test_samples_lost_to_a_slow_disk_are_silence_of_the_same_length(
    tmp_path: Path, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file stays as long as the call was."""
    monkeypatch.setattr(module, "TAP_MS", 100)
    tap = Tap(tmp_path / "a.wav", RATE)
    bridge.add(tap.port)
    wait_ticks(bridge, 12)
    bridge.close()
    lost = tap.port.overrun_samples
    assert lost > 0
    samples = samples_of(tap.finish())
    assert len(samples) == tap.writer.frames == RATE // 10 + lost


@pytest.mark.parametrize("name", ["file/a.wav", "file/below/a.wav"])
def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path, name: str) -> None:
    """A path below a regular file: the recording does not start."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        Tap(tmp_path / name, RATE)


async def test_a_file_that_cannot_be_published_is_an_os_error(tmp_path: Path, recorder: Recorder) -> None:
    """For whoever waits for it, and for nobody else: the recorder goes on."""
    bad, good = Tap(tmp_path / "bad" / "a.wav", RATE), Tap(tmp_path / "good" / "a.wav", RATE)
    for tap in (bad, good):
        tap.writer.write_silence(FRAME)
        recorder.start(tap)
    shutil.rmtree(tmp_path / "bad")
    with pytest.raises(FileNotFoundError):
        await recorder.finish(bad)
    assert len(samples_of(await recorder.finish(good))) == FRAME


async def test_what_has_heard_nothing_is_no_file(tmp_path: Path, recorder: Recorder) -> None:
    """Neither published nor left staged."""
    tap = Tap(tmp_path / "a.wav", RATE)
    recorder.start(tap)
    assert await recorder.finish(tap) is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_close_leaves_running_taps_staged_for_repair(tmp_path: Path, bridge: Bridge) -> None:
    """Nothing is published then, and nothing is lost."""
    recorder = Recorder()
    tap = Tap(tmp_path / "a.wav", RATE)
    tap_a_tone(bridge, tap)
    recorder.start(tap)
    await recorded(tap, 0.3)
    await recorder.close()
    assert not tap.writer.path.exists()
    assert wav.repair(tmp_path) == [tmp_path / "a.wav"]
    samples = samples_of(tmp_path / "a.wav")
    assert len(samples) == tap.writer.frames
    assert level(samples[FRAME * 2 :], 440, RATE) == pytest.approx(-12, abs=0.3)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_whoever_gives_up_waiting_does_not_stop_the_other_recordings(tmp_path: Path, recorder: Recorder) -> None:
    """A finish() that is cancelled (its client has gone) costs nobody else a recording."""
    taps = [Tap(tmp_path / f"{number}.wav", RATE) for number in range(21)]
    for tap in taps:
        tap.writer.write_silence(FRAME)
    try:
        for tap in taps[:-1]:
            task = asyncio.create_task(recorder.finish(tap))
            await asyncio.sleep(0)
            task.cancel()
        assert await asyncio.wait_for(recorder.finish(taps[-1]), 2) == taps[-1].writer.path
    finally:
        for tap in taps:
            tap.writer.abandon()
