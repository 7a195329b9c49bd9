"""The HTTP application: the doors of a running core."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import yaml
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from api import rest, schema, vsi
from b2bua.core import Core

VERSION = metadata.version("legroom")


def application(core: Core, event_buffer: int) -> Starlette:
    """`event_buffer` is how many events a slow VSI client may fall behind."""

    async def serve_vsi(socket: WebSocket) -> None:
        await vsi.serve(core, socket, event_buffer)

    async def health(_: Request) -> Response:
        mixers = {str(mixer.rate): mixer.bridge.statistics() for mixer in core.mixers.all()}
        return JSONResponse({"status": "ok", "version": VERSION, "mixers": mixers})

    doors: list[BaseRoute] = [
        *rest.routes(core),
        WebSocketRoute("/v1/vsi", serve_vsi),
        *_document("openapi", schema.openapi(VERSION)),
        *_document("asyncapi", schema.asyncapi(VERSION)),
        Route("/health", health),
    ]
    return Starlette(routes=doors, middleware=[Middleware(rest.Cors)])


def _document(name: str, document: dict[str, Any]) -> list[Route]:
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)

    async def as_json(_: Request) -> Response:
        return JSONResponse(document)

    async def as_yaml(_: Request) -> Response:
        return PlainTextResponse(text, media_type="application/yaml")

    return [Route(f"/v1/{name}.json", as_json), Route(f"/v1/{name}.yaml", as_yaml)]
