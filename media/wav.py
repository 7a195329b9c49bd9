"""WAV files of 16-bit PCM, written so that a crash loses nothing.

A recording grows under `<folder>/.staging` and appears under its name, whole, by rename. What a crash leaves in the
staging folder is given a true header and published at the next start.
"""

from __future__ import annotations

import logging
import os
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

log = logging.getLogger(__name__)

Samples = npt.NDArray[np.int16]

STAGING = ".staging"
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
HEADER_BYTES = _HEADER.size
_PCM = 1
_MOST_DATA = 0xFFFFFFFF - HEADER_BYTES


def header(rate: int, channels: int, data_bytes: int) -> bytes:
    """A RIFF/WAVE header for 16-bit PCM. A size that does not fit its 32 bits is given as the largest that does."""
    size = min(data_bytes, _MOST_DATA)
    frame = 2 * channels
    return _HEADER.pack(
        b"RIFF",
        size + HEADER_BYTES - 8,
        b"WAVE",
        b"fmt ",
        16,
        _PCM,
        channels,
        rate,
        rate * frame,
        frame,
        16,
        b"data",
        size,
    )


class WavWriter:
    """A recording in the making. Not thread-safe: one thread writes."""

    def __init__(self, path: Path, rate: int, channels: int = 1) -> None:
        """Raises OSError when the file cannot be made."""
        self.path = path
        self.rate = rate
        self.channels = channels
        self.frames = 0
        """Samples per channel so far."""
        self._staged = path.parent / STAGING / path.name
        self._staged.parent.mkdir(parents=True, exist_ok=True)
        # "x": two recordings never share a file.
        self._file = self._staged.open("x+b")
        # A header that says nothing yet, but says how to read what follows.
        self._file.write(header(rate, channels, 0))

    def write(self, samples: Samples) -> None:
        """Append interleaved samples. Raises OSError (disk full)."""
        self._file.write(samples.tobytes())
        self.frames += len(samples) // self.channels

    def write_silence(self, frames: int) -> None:
        self.write(np.zeros(frames * self.channels, np.int16))

    def publish(self) -> Path:
        """Complete the header and move the file to its name. Raises OSError; the staged file is kept then."""
        self._file.flush()
        _complete(self._file.fileno())
        self._file.close()
        self._staged.rename(self.path)
        return self.path

    def discard(self) -> None:
        """Close and remove what is staged."""
        self._file.close()
        self._staged.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Close without publishing; what is staged stays for the next start to repair."""
        self._file.close()


def repair(folder: Path) -> list[Path]:
    """Publish what a crash left staged under `folder`. Returns the published files; files without audio are removed."""
    published = []
    for staged in sorted((folder / STAGING).glob("*.wav")):
        try:
            if staged.stat().st_size <= HEADER_BYTES:
                staged.unlink()
                continue
            with staged.open("r+b") as file:
                frames = _complete(file.fileno())
            if frames == 0:
                staged.unlink()
                continue
            staged.rename(folder / staged.name)
            published.append(folder / staged.name)
        except (OSError, ValueError) as error:
            log.error("recording %s could not be repaired: %s", staged, error)
    return published


def _complete(descriptor: int) -> int:
    """Write the sizes into the header of an open file, cutting off half a frame at the end. Returns its frames.

    Raises ValueError when it does not begin with a header of ours.
    """
    first = os.pread(descriptor, HEADER_BYTES, 0)
    riff, _, kind, _, _, _, channels, rate, _, frame, _, _, _ = _HEADER.unpack(first)
    if (riff, kind) != (b"RIFF", b"WAVE") or frame == 0 or frame != 2 * channels:
        raise ValueError("it does not begin with a WAV header")
    data = os.fstat(descriptor).st_size - HEADER_BYTES
    data -= data % frame
    os.ftruncate(descriptor, HEADER_BYTES + data)
    os.pwrite(descriptor, header(rate, channels, data), 0)
    os.fsync(descriptor)
    return int(data // frame)
