"""VSI's own clockwork, with its times shortened: the real server code and real WebSockets, in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api import vsi
from api.server import Http, http_config, listen
from api.settings import Settings
from b2bua.core import Core
from b2bua.events import RoomCreated
from tests.kit.waiting import eventually


@asynccontextmanager
async def serving(folder: Path, buffer: int = 256) -> AsyncIterator[tuple[Core, str]]:
    """The HTTP side of a server whose SIP engine is not started."""
    settings = Settings(http_addr="127.0.0.1:0", recording_dir=folder, vsi_event_buffer_size=buffer, sip_port=0)
    core = Core(settings.core_config())
    listener = listen(*settings.http_endpoint)
    http = Http(http_config(core, settings))
    running = asyncio.create_task(http.serve(sockets=[listener]))
    try:
        await eventually(lambda: "" if http.started else "not started")
        yield core, f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/vsi"
    finally:
        http.should_exit = True
        await running
        listener.close()
        await core.recorder.close()


async def read_to_the_end(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


async def frame(socket: ClientConnection) -> dict[str, object]:
    return dict(json.loads(await asyncio.wait_for(socket.recv(), 5)))


async def test_pings_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """event_id and its newer name seq count from 1, and no pong is needed."""
    monkeypatch.setattr(vsi, "PING_SECONDS", 0.02)
    async with serving(tmp_path) as (_, url), connect(url, compression=None) as socket:
        assert await frame(socket) == {"type": "connected"}
        assert [await frame(socket) for _ in range(3)] == [
            {"type": "ping", "event_id": number, "seq": number} for number in (1, 2, 3)
        ]


async def test_a_client_that_does_not_read_is_let_go_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writes time out and it is unsubscribed; the other client misses nothing."""
    monkeypatch.setattr(vsi, "WRITE_SECONDS", 0.2)
    async with serving(tmp_path, buffer=100_000) as (core, url), connect(url, compression=None) as reader:
        assert await frame(reader) == {"type": "connected"}
        stalled = await connect(url, compression=None, max_queue=1)
        await eventually(lambda: "" if core.bus.subscribers == 2 else "not subscribed yet")
        stalled.transport.pause_reading()
        count = 20_000
        for number in range(count):
            core.bus.publish(RoomCreated(room_id=f"{number}-{'x' * 400}"))
        received = [await frame(reader) for _ in range(count)]
        assert [str(each["room_id"]).partition("-")[0] for each in received] == [str(n) for n in range(count)]
        await eventually(lambda: "" if core.bus.subscribers == 1 else "the stalled client is still subscribed")
        stalled.transport.resume_reading()
        # Cut off, not left waiting for it to read.
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionClosed):
                await read_to_the_end(stalled)


async def test_events_beyond_the_buffer_are_counted(tmp_path: Path) -> None:
    """events_dropped comes right before the next event that gets through."""
    async with serving(tmp_path, buffer=16) as (core, url), connect(url, compression=None) as socket:
        assert await frame(socket) == {"type": "connected"}
        for number in range(20):  # in one turn of the loop: nothing can be written in between
            core.bus.publish(RoomCreated(room_id=str(number)))
        assert [(await frame(socket))["room_id"] for _ in range(16)] == [str(number) for number in range(16)]
        core.bus.publish(RoomCreated(room_id="after"))
        assert await frame(socket) == {"type": "events_dropped", "count": 4}
        assert (await frame(socket))["room_id"] == "after"


async def test_commands_of_one_client_run_in_order(tmp_path: Path) -> None:
    """Replies come in the order of the commands, and an event overtaken by a reply is still delivered."""
    async with serving(tmp_path) as (_, url), connect(url, compression=None) as socket:
        await frame(socket)
        for number in range(20):
            command = {"type": "create_room", "request_id": str(number), "payload": {"id": f"r{number}"}}
            await socket.send(json.dumps(command))
        frames = [await frame(socket) for _ in range(40)]
        replies = [each["request_id"] for each in frames if "request_id" in each]
        created = [each["room_id"] for each in frames if each["type"] == "room.created"]
        assert replies == [str(number) for number in range(20)]
        assert created == [f"r{number}" for number in range(20)]
