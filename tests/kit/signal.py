"""Tones and their levels: audio is judged by signal, not by bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
FULL_SCALE = 32768.0
SILENCE_DB = -120.0


def tone(frequency: float, rate: int, seconds: float, *, dbfs: float = -12.0, start: int = 0) -> Samples:
    """A sine of that peak level, phase-continuous when `start` counts the samples before it."""
    time = (start + np.arange(round(rate * seconds))) / rate
    amplitude = (FULL_SCALE - 1) * 10 ** (dbfs / 20)
    return np.round(amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.int16)


WINDOW_SECONDS = 0.05


def level(samples: Samples, frequency: float, rate: int) -> float:
    """Peak level in dBFS of the component at `frequency`: the median over windows of 50 ms.

    The median, because a test's own sender may be late on a busy machine: the jump in phase that a jitter buffer makes
    of it spoils one window, not the measurement.
    """
    size = round(WINDOW_SECONDS * rate)
    if len(samples) < 2 * size:
        return _window_level(samples, frequency, rate)
    windows = samples[: len(samples) // size * size].reshape(-1, size)
    return float(np.median([_window_level(window, frequency, rate) for window in windows]))


def _window_level(samples: Samples, frequency: float, rate: int) -> float:
    """Of one stretch, measured with a Hann window."""
    if len(samples) == 0:
        return SILENCE_DB
    window = np.hanning(len(samples))
    time = np.arange(len(samples)) / rate
    component = np.abs(np.sum(samples * window * np.exp(-2j * np.pi * frequency * time)))
    amplitude = 2 * component / np.sum(window) / FULL_SCALE
    return float(max(20 * np.log10(max(amplitude, 1e-9)), SILENCE_DB))


def gaps(samples: Samples, rate: int, *, threshold_dbfs: float = -40.0, block_ms: int = 5) -> list[int]:
    """Lengths in ms of the stretches below the threshold, between the first and the last sound."""
    size = rate * block_ms // 1000
    blocks = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    loud = np.max(np.abs(blocks), axis=1) > FULL_SCALE * 10 ** (threshold_dbfs / 20)
    sounding = np.flatnonzero(loud)
    return [int(step - 1) * block_ms for step in np.diff(sounding) if step > 1]
