"""b2bua.tasks: background work is kept, its failures are told, and it ends at close."""

from __future__ import annotations

import asyncio
import logging

import pytest

from b2bua.tasks import Tasks
from tests.kit.waiting import eventually


async def test_work_runs_and_close_waits_for_it() -> None:
    """As long as it takes, within the patience given."""
    tasks, done = Tasks(), []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append(True)

    tasks.start(work(), "work")
    await tasks.close(5)
    assert done == [True]


async def test_work_that_fails_is_logged_under_its_name(caplog: pytest.LogCaptureFixture) -> None:
    """And harms nobody else."""
    tasks = Tasks()

    async def fail() -> None:
        raise ValueError("broken")

    with caplog.at_level(logging.ERROR):
        tasks.start(fail(), "answer 7")
        await eventually(lambda: "" if "answer 7" in caplog.text else "nothing was logged")
    assert "broken" in caplog.text
    await tasks.close(1)


async def test_work_that_is_late_is_cancelled() -> None:
    """Its cleaning up is still waited for."""
    tasks, cleaned = Tasks(), []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    tasks.start(forever(), "forever")
    await tasks.close(0.01)
    assert cleaned == [True]


async def test_close_without_work_returns_at_once() -> None:
    """And may be repeated."""
    tasks = Tasks()
    await tasks.close(60)
    await tasks.close(60)
