"""REST: one route for each row of the command table."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.commands import COMMANDS
from api.dispatch import merge, parse_object, perform
from api.errors import status_of
from api.table import Body, Command
from b2bua.core import Core
from b2bua.errors import Invalid

MAX_BODY = 1024 * 1024
"""Largest request body in bytes: SDP is the largest thing a client has to say."""


class BodyTooLarge(Exception):
    """A request body over MAX_BODY."""


class Reply(JSONResponse):
    """JSON as the contract has it: objects begin with instance_id, the body ends with a newline."""

    def __init__(self, content: Any, instance_id: str, status_code: int = 200) -> None:
        named = {"instance_id": instance_id, **content} if isinstance(content, dict) else content
        super().__init__(named, status_code=status_code)

    def render(self, content: Any) -> bytes:
        return super().render(content) + b"\n"


def routes(core: Core) -> list[Route]:
    """The table as routes below /v1."""
    return [
        Route(f"/v1{command.path}", _handler(core, command), methods=[command.method], name=command.name)
        for command in COMMANDS
    ]


def _handler(core: Core, command: Command) -> Any:
    async def handle(request: Request) -> Response:
        instance = core.config.instance_id
        try:
            body = await _read_body(request, command.body)
            payload = merge(body, request.path_params, command)
            return Reply(await perform(core, command, payload), instance, command.status)
        except BodyTooLarge:
            return Reply({"error": f"request body is larger than {MAX_BODY} bytes"}, instance, 413)
        except Exception as error:  # noqa: BLE001  (the table in errors.py says what the client is told)
            status, text = status_of(error)
            return Reply({"error": text}, instance, status)

    return handle


async def _read_body(request: Request, rule: Body) -> dict[str, Any] | None:
    if rule is Body.NONE:
        return None
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise BodyTooLarge
    if not raw.strip() and rule is not Body.NEEDED:
        return None
    try:
        return parse_object(bytes(raw))
    except Invalid:
        if rule is Body.TOLERANT:
            return None
        raise


class Cors:
    """CORS on every response, and 204 for any OPTIONS (vsi-behaviour 9.1)."""

    HEADERS = (
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
        (b"access-control-allow-headers", b"Content-Type, Authorization"),
    )

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self.HEADERS]}
            await send(message)

        if scope["method"] == "OPTIONS":
            await Response(status_code=204)(scope, receive, send_with_headers)
            return
        await self.app(scope, receive, send_with_headers)
