"""The example of the README, run as it stands."""

from __future__ import annotations

import asyncio
import json
import sys
import wave
from pathlib import Path

from tests.integration.conftest import MakePhone
from tests.kit.server import Server

EXAMPLE = Path(__file__).parents[2] / "examples" / "bridge.py"


async def test_the_example_bridges_and_records(server: Server, phone: MakePhone) -> None:
    """A caller is answered, the other phone is dialled, both are recorded; it ends when the caller hangs up."""
    caller, callee = await phone(), await phone()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", str(EXAMPLE), callee.uri, server.vsi_url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None

    async def printed(kind: str) -> dict[str, str]:
        assert process.stdout is not None
        async with asyncio.timeout(10):
            while True:
                frame = json.loads(await process.stdout.readline())
                if frame["type"] == kind:
                    return dict(frame)

    try:
        await printed("connected")
        calling = asyncio.create_task(caller.call(server.sip_port))
        await callee.next_invite()
        callee.answer()
        assert (await calling).status == 200
        await printed("recording.started")
        await caller.bye()
        finished = await printed("recording.finished")
        await asyncio.wait_for(callee.ended.wait(), 5)
        with wave.open(finished["file"]) as file:
            assert file.getframerate() == 16000
    finally:
        process.kill()
        await process.wait()
