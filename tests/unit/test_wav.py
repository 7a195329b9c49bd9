"""media.wav: files that appear whole, and that a crash does not lose."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from media.wav import HEADER_BYTES, STAGING, WavWriter, header, repair


def staged(folder: Path, name: str, content: bytes) -> Path:
    """A file as a crash leaves it."""
    path = folder / STAGING / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16000, 1), (48000, 2)])
def test_what_is_written_is_what_a_wav_reader_reads(tmp_path: Path, rate: int, channels: int) -> None:
    """Rate, channels, length and samples, read by the standard library."""
    samples = np.arange(-600, 600, dtype=np.int16)
    writer = WavWriter(tmp_path / "a.wav", rate, channels)
    writer.write(samples[:400])
    writer.write(samples[400:])
    writer.write_silence(10)
    assert writer.frames == 1200 // channels + 10
    with wave.open(str(writer.publish())) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (rate, channels, 2)
        assert file.getnframes() == 1200 // channels + 10
        content = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert np.array_equal(content, np.concatenate([samples, np.zeros(10 * channels, np.int16)]))


def test_a_recording_appears_under_its_name_only_when_whole(tmp_path: Path) -> None:
    """Until then it is in the staging folder; after it, nowhere else."""
    path = tmp_path / "made" / "on the way" / "a.wav"
    writer = WavWriter(path, 8000)
    writer.write(np.ones(100, np.int16))
    assert not path.exists()
    assert [each.name for each in (path.parent / STAGING).iterdir()] == ["a.wav"]
    assert writer.publish() == path
    assert path.stat().st_size == HEADER_BYTES + 200
    assert list((path.parent / STAGING).iterdir()) == []


def test_two_recordings_never_share_a_file(tmp_path: Path) -> None:
    """The second writer is refused, the first goes on."""
    first = WavWriter(tmp_path / "a.wav", 8000)
    with pytest.raises(FileExistsError):
        WavWriter(tmp_path / "a.wav", 8000)
    first.write(np.ones(100, np.int16))
    assert first.publish().stat().st_size == HEADER_BYTES + 200


def test_a_discarded_recording_leaves_nothing(tmp_path: Path) -> None:
    """Neither staged nor published, and its name is free again."""
    WavWriter(tmp_path / "a.wav", 8000).discard()
    assert list((tmp_path / STAGING).iterdir()) == []
    WavWriter(tmp_path / "a.wav", 8000).discard()


def test_a_file_that_cannot_be_moved_is_kept_staged(tmp_path: Path) -> None:
    """publish() raises, and what was recorded is still there for the next start."""
    writer = WavWriter(tmp_path / "a.wav", 8000)
    writer.write(np.ones(100, np.int16))
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(OSError, match="directory"):
        writer.publish()
    (tmp_path / "a.wav").rmdir()
    assert repair(tmp_path) == [tmp_path / "a.wav"]


@pytest.mark.parametrize(("channels", "tail", "frames"), [(1, 200, 100), (1, 201, 100), (2, 203, 50), (2, 202, 50)])
def test_repair_publishes_the_whole_frames_of_what_a_crash_left(
    tmp_path: Path, channels: int, tail: int, frames: int
) -> None:
    """The header gets its sizes, half a frame at the end is cut off."""
    staged(tmp_path, "a.wav", header(8000, channels, 0) + b"\1" * tail)
    assert repair(tmp_path) == [tmp_path / "a.wav"]
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnframes(), file.getnchannels()) == (frames, channels)
    assert (tmp_path / "a.wav").stat().st_size == HEADER_BYTES + frames * 2 * channels
    assert list((tmp_path / STAGING).iterdir()) == []


def test_an_abandoned_recording_is_repaired_at_the_next_start(tmp_path: Path) -> None:
    """Everything that was written to it is there."""
    writer = WavWriter(tmp_path / "a.wav", 16000)
    writer.write(np.full(1600, 7, np.int16))
    writer.abandon()
    assert repair(tmp_path) == [tmp_path / "a.wav"]
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert np.array_equal(np.frombuffer(file.readframes(9999), np.int16), np.full(1600, 7, np.int16))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        header(8000, 1, 0)[:20],
        header(8000, 1, 0),
        header(8000, 1, 0) + b"x",
    ],
    ids=["nothing", "half a header", "header", "header and half a frame"],
)
def test_repair_removes_files_without_audio(tmp_path: Path, content: bytes) -> None:
    """There is nothing to publish in a header."""
    staged(tmp_path, "a.wav", content)
    assert repair(tmp_path) == []
    assert not (tmp_path / "a.wav").exists()
    assert list((tmp_path / STAGING).iterdir()) == []


@pytest.mark.parametrize("content", [bytes(200), b"\xff" * 200], ids=["zeros", "ones"])
def test_a_header_of_garbage_does_not_stop_the_repair(tmp_path: Path, content: bytes) -> None:
    """After a power cut a file may have its length but not its content: it must not keep the server from starting."""
    staged(tmp_path, "a.wav", content)
    staged(tmp_path, "b.wav", header(8000, 1, 0) + b"\1\1")
    assert tmp_path / "b.wav" in repair(tmp_path)


def test_repair_of_a_folder_without_recordings_does_nothing(tmp_path: Path) -> None:
    """There may not even be a staging folder."""
    assert repair(tmp_path) == []
    assert repair(tmp_path / "not there") == []


@pytest.mark.parametrize("size", [2**32 - 1, 2**33])
def test_a_size_beyond_32_bits_is_given_as_the_largest(size: int) -> None:
    """Readers then read to the end of the file."""
    packed = header(48000, 2, size)
    assert len(packed) == HEADER_BYTES
    assert int.from_bytes(packed[4:8], "little") <= 2**32 - 1
    assert int.from_bytes(packed[40:44], "little") > 2**32 - 100
