"""Waiting for what a test expects, with the reason why it is not there yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def eventually(probe: Callable[[], str], timeout: float = 5.0) -> None:
    """Wait until `probe` returns "". Its last text, which says what is missing, is the failure."""
    deadline = asyncio.get_running_loop().time() + timeout
    while missing := probe():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"after {timeout} s: {missing}")
        await asyncio.sleep(0.01)
