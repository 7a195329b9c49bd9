"""VSI: the WebSocket on which programs drive the server (vsi-behaviour section 1).

Events go through a bounded queue of their own and are dropped, and counted, when a client reads too slowly. Results,
errors and pings go past that queue, so they are never dropped. Commands of one client run one after another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Iterator
from typing import Any

import re2
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.commands import BY_NAME
from api.dispatch import parse_object, perform
from api.errors import status_of
from b2bua.core import Core
from b2bua.errors import Invalid
from b2bua.events import Published

log = logging.getLogger(__name__)

PING_SECONDS = 30.0
WRITE_SECONDS = 5.0
"""A frame that cannot be written in this time ends the connection."""
MOST_REPLIES = 16
"""Replies that may wait for a client before its next command is read."""
LONGEST_NAME = 100
"""Of an unknown command, as echoed in its error."""
MAX_MESSAGE = 1024 * 1024
"""Largest frame from a client, in bytes."""

ABORT = "legroom.abort"
"""Where the server puts a function into the scope that drops the connection as it stands (api/server.py)."""

INVALID_JSON: dict[str, Any] = {"type": "error", "data": {"code": 400, "message": "invalid JSON"}}


class Outbox:
    """What waits to be written to one client: replies before events, events bounded."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._replies: deque[str] = deque()
        self._events: deque[tuple[int, str]] = deque()
        self._dropped = 0
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()

    async def room_for_replies(self) -> None:
        """Wait until the client has taken its replies: one that only asks and never reads is made to wait."""
        while len(self._replies) >= MOST_REPLIES:
            self._drained.clear()
            await self._drained.wait()

    def reply(self, frame: dict[str, Any]) -> None:
        self._replies.append(encode(frame))
        self._filled.set()

    def event(self, text: str) -> None:
        """Queue an event; when the queue is full it is dropped, and the next one that fits says how many were."""
        if len(self._events) >= self._capacity:
            self._dropped += 1
            return
        self._events.append((self._dropped, text))
        self._dropped = 0
        self._filled.set()

    async def frames(self) -> Iterator[str]:
        """Wait for something to write and return all that is there."""
        await self._filled.wait()
        self._filled.clear()
        return self._take()

    def _take(self) -> Iterator[str]:
        while self._replies or self._events:
            if self._replies:
                yield self._replies.popleft()
                self._drained.set()
                continue
            dropped, text = self._events.popleft()
            if dropped:
                yield encode({"type": "events_dropped", "count": dropped})
            yield text


class Session:
    """One client's connection."""

    def __init__(self, core: Core, socket: WebSocket, app_filter: re2.Pattern[str], capacity: int) -> None:
        self._core = core
        self._socket = socket
        self._filter = app_filter
        self._outbox = Outbox(capacity)

    async def run(self) -> None:
        """Serve until either side ends it."""
        # Subscribed before the first frame, so that nothing that happens in between is missed.
        unsubscribe = self._core.bus.subscribe(self._on_event)
        try:
            await self._socket.accept()
            await self._write(encode({"type": "connected"}))
            await self._serve()
        except (WebSocketDisconnect, RuntimeError, ConnectionError) as error:
            log.info("VSI client gone: %s", error or type(error).__name__)
        except TimeoutError:
            log.info("VSI client does not read: cut off")
            # Closing would wait for what it does not read, for as long as it likes.
            self._socket.scope[ABORT]()
        finally:
            unsubscribe()
            with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
                await asyncio.wait_for(self._socket.close(), WRITE_SECONDS)

    async def _serve(self) -> None:
        """Read, write and ping side by side; the first to end ends the others."""
        parts = [asyncio.create_task(part) for part in (self._read(), self._write_all(), self._ping())]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in parts:
                task.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    def _on_event(self, published: Published) -> None:
        if self._filter.search(published.event.app_id or ""):
            self._outbox.event(encoded(published))

    async def _read(self) -> None:
        while True:
            await self._outbox.room_for_replies()
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                continue  # binary frames mean nothing here
            if not await self._on_text(text):
                return

    async def _on_text(self, text: str) -> bool:
        """Handle a frame; False ends the session."""
        frame = parse_frame(text)
        if frame is None:
            self._outbox.reply(INVALID_JSON)
            return True
        name = frame.get("type") or ""
        if name == "stop":
            return False
        if name != "pong":
            self._outbox.reply(await self._reply_to(name, frame))
        return True

    async def _reply_to(self, name: str, frame: dict[str, Any]) -> dict[str, Any]:
        echoed = {"request_id": frame["request_id"]} if frame.get("request_id") else {}
        command = BY_NAME.get(name)
        if command is None:
            return {
                "type": "error",
                **echoed,
                "data": {"code": 400, "message": f"unknown command: {name[:LONGEST_NAME]}"},
            }
        try:
            data = await perform(self._core, command, frame.get("payload"))
        except Exception as error:  # noqa: BLE001  (the table in errors.py says what the client is told)
            code, message = status_of(error)
            return {"type": "error", **echoed, "data": {"code": code, "message": message}}
        return {"type": f"{name}.result", **echoed, "data": data}

    async def _write_all(self) -> None:
        while True:
            for text in await self._outbox.frames():
                await self._write(text)

    async def _write(self, text: str) -> None:
        await asyncio.wait_for(self._socket.send_text(text), WRITE_SECONDS)

    async def _ping(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(PING_SECONDS)
            number += 1
            # event_id is the old name of seq; both are sent.
            self._outbox.reply({"type": "ping", "event_id": number, "seq": number})


def encode(frame: dict[str, Any]) -> str:
    text = json.dumps(frame, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair can be escaped, but not sent as it is
        return json.dumps(frame, separators=(",", ":"))
    return text


def encoded(published: Published) -> str:
    """An event's frame, encoded once however many clients there are."""
    cache = published.__dict__
    if "vsi" not in cache:
        cache["vsi"] = encode(published.body)
    return str(cache["vsi"])


def parse_frame(text: str) -> dict[str, Any] | None:
    """A client's frame, or None when it is not one: not JSON, not an object, type or request_id not text."""
    try:
        frame = parse_object(text)
    except Invalid:
        return None
    named = (frame.get("type"), frame.get("request_id"))
    return frame if all(value is None or isinstance(value, str) for value in named) else None


async def serve(core: Core, socket: WebSocket, capacity: int) -> None:
    """The endpoint. A filter that is no regular expression is refused before the upgrade."""
    pattern = socket.query_params.get("app_id", "")
    try:
        # RE2, as the contract has it: a client's pattern can never take exponential time.
        app_filter = re2.compile(pattern, options=_quiet())
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        body = {"instance_id": core.config.instance_id, "error": f"app_id is not a regular expression: {reason}"}
        await socket.send_denial_response(JSONResponse(body, status_code=400))
        return
    await Session(core, socket, app_filter, capacity).run()


def _quiet() -> re2.Options:
    """A client's bad pattern is the client's to hear of, not for stderr."""
    options = re2.Options()
    options.log_errors = False
    return options
