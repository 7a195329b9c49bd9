"""What the audio tests share: listening to ring ports, and counting a bridge's ticks."""

from __future__ import annotations

import os
import select

import numpy as np

from media._bridge import Bridge, RingPort
from tests.kit.signal import Samples
from tests.kit.waiting import eventually

SILENT_DB = -70.0
"""Below this, nothing is heard."""


async def heard(port: RingPort, seconds: float = 0.3, *, after: float = 0.1) -> Samples:
    """What the port hears for `seconds`, once `after` have passed: resamplers and changes need a moment to settle."""
    blocks = [port.read()[:0]]
    skipped, wanted = round(port.rate * after), round(port.rate * (after + seconds))

    def missing() -> str:
        blocks.append(port.read())
        got = sum(len(block) for block in blocks)
        return "" if got >= wanted else f"{wanted - got} of {wanted} samples have not been heard"

    port.read()
    await eventually(missing)
    return np.concatenate(blocks)[skipped:wanted]


def next_ticks(bridge: Bridge, patience: float = 2.0) -> int:
    """Wait for the bridge's clock; returns how many ticks there were since the last call."""
    readable, _, _ = select.select([bridge.fileno()], [], [], patience)
    assert readable, f"no tick in {patience} s"
    return int.from_bytes(os.read(bridge.fileno(), 8), "little")


def wait_ticks(bridge: Bridge, count: int) -> None:
    """Wait until the bridge has ticked that often from now on."""
    next_ticks(bridge)
    seen = 0
    while seen < count:
        seen += next_ticks(bridge)
