"""The real server as a process of its own, and clients to drive it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

READY = re.compile(r"ready: http=127\.0\.0\.1:(\d+) sip=127\.0\.0\.1:(\d+)/")


class CommandError(Exception):
    """An error frame."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Vsi:
    """A VSI client that keeps every event it has seen."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.events: list[dict[str, Any]] = []
        self._news = asyncio.Condition()
        self._results: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for text in self._socket:
            frame = json.loads(text)
            if "request_id" in frame:
                self._results.pop(frame["request_id"]).set_result(frame)
            else:
                async with self._news:
                    self.events.append(frame)
                    self._news.notify_all()

    async def command(self, name: str, **payload: Any) -> Any:
        """Send a command and return its result's data. Raises CommandError."""
        self._number += 1
        request_id = str(self._number)
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._results[request_id] = reply
        await self._socket.send(json.dumps({"type": name, "request_id": request_id, "payload": payload}))
        frame = await asyncio.wait_for(reply, 10)
        if frame["type"] == "error":
            raise CommandError(frame["data"]["code"], frame["data"]["message"])
        assert frame["type"] == f"{name}.result"
        return frame["data"]

    async def event(self, kind: str, timeout: float = 10, /, **fields: Any) -> dict[str, Any]:
        """The first event of that type with those fields, waiting for it if need be."""

        def find() -> dict[str, Any] | None:
            return next((each for each in self.events if each["type"] == kind and fields.items() <= each.items()), None)

        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(lambda: find() is not None), timeout)
            except TimeoutError:
                seen = [each["type"] for each in self.events]
                raise AssertionError(f"no {kind} with {fields}; seen: {seen}") from None
        found = find()
        assert found is not None
        return found

    def types(self, **fields: Any) -> list[str]:
        """Types of the events seen so far that have those fields, in order."""
        return [each["type"] for each in self.events if fields.items() <= each.items()]

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._socket.close()


@dataclass
class Server:
    """A running `legroom serve`."""

    process: asyncio.subprocess.Process
    folder: Path
    http_port: int = 0
    sip_port: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def vsi_url(self) -> str:
        return f"ws://127.0.0.1:{self.http_port}/v1/vsi"

    @property
    def recordings(self) -> Path:
        return self.folder / "recordings"

    @asynccontextmanager
    async def vsi(self, query: str = "") -> AsyncIterator[Vsi]:
        async with connect(self.vsi_url + query, compression=None) as socket:
            assert json.loads(await socket.recv()) == {"type": "connected"}
            client = Vsi(socket)
            try:
                yield client
            finally:
                await client.close()

    def rest(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"{self.http_url}/v1", trust_env=False)

    async def stop(self) -> int:
        """Ask it to stop; returns its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 20)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


def rtp_range() -> tuple[int, int]:
    """A range of 200 ports, most likely nobody else's."""
    first = random.randrange(10000, 32000, 200)
    return first, first + 200


async def start(folder: Path, program: list[str] | None = None, **environment: str) -> Server:
    """Start a server on ports of its own choice; returns when it is ready."""
    defaults = {
        "HTTP_ADDR": "127.0.0.1:0",
        "SIP_PORT": "0",
        "RECORDING_DIR": str(folder / "recordings"),
        "SIP_CODECS": "PCMU,PCMA,G722,opus",
        "INSTANCE_ID": "test",
        # Ranges of their own keep servers that run side by side from trying each other's ports.
        **dict(zip(("RTP_PORT_MIN", "RTP_PORT_MAX"), map(str, rtp_range()), strict=True)),
    }
    process = await asyncio.create_subprocess_exec(
        *(program or [sys.executable, "-m", "api.cli", "serve"]),
        env={**os.environ, **defaults, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    server = Server(process, folder)
    assert process.stderr is not None
    async with asyncio.timeout(20):
        while line := (await process.stderr.readline()).decode():
            server.log.append(line.rstrip())
            if found := READY.search(line):
                server.http_port, server.sip_port = int(found.group(1)), int(found.group(2))
                return server
    raise AssertionError("the server did not start:\n" + "\n".join(server.log))


async def follow(server: Server) -> None:
    """Keep the server's log."""
    assert server.process.stderr is not None
    while line := (await server.process.stderr.readline()).decode():
        server.log.append(line.rstrip())


@asynccontextmanager
async def running(folder: Path, program: list[str] | None = None, **environment: str) -> AsyncIterator[Server]:
    """A server for one test: it must stop cleanly and leave no traceback behind."""
    server = await start(folder, program, **environment)
    following = asyncio.create_task(follow(server))
    try:
        yield server
        code = await server.stop()
        await following
        assert code == 0, "\n".join(server.log)
        assert "Traceback" not in "\n".join(server.log), "\n".join(server.log)
    finally:
        if server.process.returncode is None:
            server.process.kill()
            await server.process.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
