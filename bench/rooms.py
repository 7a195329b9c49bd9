"""Two-party rooms under load, with a bare pjsua conference as the yardstick in the same run.

    python bench/rooms.py                                the whole table: 800 legs at 8 kHz, 400 at 16 kHz
    python bench/rooms.py --legs 100 --rate 16000        one row of each
    python bench/rooms.py --json results.json            also as JSON

Servers and load share this machine, so the load's own CPU is what is missing from the servers'.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import platform
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from bench.load import Heard, Load

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SETTLE_SECONDS = 3.0
ROWS = ((8000, 800), (16000, 400))


@dataclass(frozen=True)
class Row:
    """One measurement."""

    server: str
    rate: int
    legs: int
    setup_per_second: float
    failures: int
    cpu_percent: float
    cpu_per_leg_percent: float
    packets_lost: int
    silent_legs: int
    jitter_ms_mean: float
    jitter_ms_worst: float
    late_ticks: int | None
    worst_tick_ms: float | None
    memory_per_leg_kb: float
    delay_ms_p50: float
    delay_ms_p99: float


class Process:
    """A server under test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_bytes(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE


@asynccontextmanager
async def serving(command: list[str], ready: str, environment: dict[str, str]) -> AsyncIterator[tuple[Process, Any]]:
    """A server process; yields it with the match of the line that says it is ready."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        while line := (await asyncio.wait_for(process.stdout.readline(), 20)).decode():
            if found := re.search(ready, line):
                break
        else:
            raise SystemExit(f"{' '.join(command)} did not start")
        draining = asyncio.create_task(process.stdout.read())
        yield Process(process), found
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)
        draining.cancel()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def put_into_rooms(vsi: ClientConnection) -> None:
    """Answer each caller into the room that it asked for, as a program on VSI does."""
    async for text in vsi:
        frame = json.loads(text)
        if frame["type"] == "leg.ringing":
            payload = {"room_id": frame["to"], "leg_id": frame["leg_id"]}
            await vsi.send(json.dumps({"type": "add_leg_to_room", "payload": payload}))


async def measure(name: str, server: Process, load: Load, rate: int, legs: int, seconds: float) -> dict[str, Any]:
    empty = server.memory_bytes()
    took = await load.call_all(legs)
    await asyncio.sleep(SETTLE_SECONDS)
    memory = (server.memory_bytes() - empty) / legs / 1024
    cpu, began = server.cpu_seconds(), time.monotonic()
    heard: Heard = await load.listen(seconds, legs)
    percent = 100 * (server.cpu_seconds() - cpu) / (time.monotonic() - began)
    for failure in load.failures[:3]:
        print(f"{name}: {failure}", file=sys.stderr)
    return {
        "server": name,
        "rate": rate,
        "legs": legs,
        "setup_per_second": round(legs / took, 1),
        "failures": len(load.failures),
        "cpu_percent": round(percent, 1),
        "cpu_per_leg_percent": round(percent / legs, 4),
        "packets_lost": heard.lost,
        "silent_legs": heard.silent_legs,
        "jitter_ms_mean": round(heard.jitter_ms_mean, 2),
        "jitter_ms_worst": round(heard.jitter_ms_worst, 2),
        "memory_per_leg_kb": round(memory, 1),
        "delay_ms_p50": round(heard.delay(50), 1),
        "delay_ms_p99": round(heard.delay(99), 1),
    }


async def legroom(rate: int, legs: int, seconds: float) -> Row:
    """Legroom, driven over VSI."""
    environment = {
        "HTTP_ADDR": "127.0.0.1:0",
        "SIP_PORT": "0",
        "DEFAULT_SAMPLE_RATE": str(rate),
        "RECORDING_DIR": tempfile.mkdtemp(),
        "VSI_EVENT_BUFFER_SIZE": "100000",
        "LOG_LEVEL": "info",  # the ready line is
    }
    command = [sys.executable, "-m", "api.cli", "serve"]
    async with serving(command, r"ready: http=(\S+) sip=127\.0\.0\.1:(\d+)/", environment) as (server, ready):
        load = await Load.open(int(ready.group(2)))
        async with connect(f"ws://{ready.group(1)}/v1/vsi", compression=None) as vsi:
            driving = asyncio.create_task(put_into_rooms(vsi))
            before = await ticks(ready.group(1), rate)
            result = await measure("legroom", server, load, rate, legs, seconds)
            after = await ticks(ready.group(1), rate)
            driving.cancel()
        load.close()
    late = after["late"] - before.get("late", 0)
    return Row(**result, late_ticks=late, worst_tick_ms=round(after["worst_us"] / 1000, 2))


async def ticks(http: str, rate: int) -> dict[str, int]:
    """Tick statistics of the mixer at `rate`."""
    async with httpx.AsyncClient(trust_env=False) as client:
        mixers = (await client.get(f"http://{http}/health")).json()["mixers"]
    return dict(mixers.get(str(rate), {}))


async def yardstick(rate: int, legs: int, seconds: float) -> Row:
    """The bare pjsua conference."""
    command = [sys.executable, str(Path(__file__).with_name("yardstick.py")), str(rate)]
    async with serving(command, r"ready: (\d+)", {"PYTHONPATH": str(Path(__file__).parents[1])}) as (server, ready):
        load = await Load.open(int(ready.group(1)))
        result = await measure("pjsua", server, load, rate, legs, seconds)
        load.close()
    return Row(**result, late_ticks=None, worst_tick_ms=None)


def show(rows: list[Row]) -> None:
    names = [field.name for field in dataclasses.fields(Row)]
    cells = [names] + [
        ["-" if getattr(row, name) is None else str(getattr(row, name)) for name in names] for row in rows
    ]
    for column in range(len(names)):
        print("  ".join(row[column].rjust(24 if index == 0 else 10) for index, row in enumerate(cells)))
    for ours in (row for row in rows if row.server == "legroom"):
        for theirs in (
            row for row in rows if row.server == "pjsua" and row.rate == ours.rate and row.legs == ours.legs
        ):
            ratio = ours.cpu_per_leg_percent / theirs.cpu_per_leg_percent
            print(f"{ours.legs} legs at {ours.rate} Hz: {ratio:.2f} times the yardstick's CPU")


async def run(options: argparse.Namespace) -> list[Row]:
    wanted = [(options.rate, options.legs)] if options.legs else ROWS
    rows = []
    for rate, legs in wanted:
        for server in (yardstick, legroom):
            print(f"{server.__name__}: {legs} legs at {rate} Hz for {options.seconds:.0f} s …", file=sys.stderr)
            rows.append(await server(rate, legs, options.seconds))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--legs", type=int, help="legs, an even number")
    parser.add_argument("--rate", type=int, default=16000, help="room rate with --legs, Hz")
    parser.add_argument("--seconds", type=float, default=20, help="length of each measurement")
    parser.add_argument("--json", type=Path, help="file to write the rows to")
    options = parser.parse_args()
    rows = asyncio.run(run(options))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}")
    show(rows)
    if options.json:
        options.json.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
