"""`legroom serve`: settings in, a running server out, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from typing import cast

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.app import application
from api.settings import LOG_LEVELS, Settings
from api.vsi import ABORT, MAX_MESSAGE
from b2bua.core import Core
from b2bua.errors import StartError

log = logging.getLogger("legroom")

CLOSE_SECONDS = 5
"""How long a shutdown waits for HTTP clients."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, with a way to drop a connection: ASGI has none."""

    async def run_asgi(self) -> None:
        cast("dict[str, object]", self.scope)[ABORT] = self.transport.abort
        await super().run_asgi()


class Http(uvicorn.Server):
    """uvicorn without its signal handlers: the core is stopped first, so that clients hear of it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def configure_logging(level: str) -> None:
    logging.basicConfig(
        level=LOG_LEVELS[level], format="%(asctime)s %(levelname)s %(name)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z"
    )
    # Their debug lines hold whole frames, and with them digits and secrets.
    for chatty in ("asyncio", "uvicorn", "websockets", "python_multipart"):
        logging.getLogger(chatty).setLevel(max(LOG_LEVELS[level], logging.WARNING))


async def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM. Raises StartError."""
    listener = listen(*settings.http_endpoint)
    core = Core(settings.core_config())
    with contextlib.closing(listener):
        async with contextlib.AsyncExitStack() as stack:
            http = Http(http_config(core, settings))
            serving: asyncio.Task[None] | None = None

            async def stop_http() -> None:
                http.should_exit = True
                if serving is not None:
                    await serving

            # Left in reverse: legs and recordings end while VSI clients still listen, then HTTP goes.
            stack.push_async_callback(stop_http)
            await stack.enter_async_context(core.running())
            serving = asyncio.create_task(http.serve(sockets=[listener]))
            host, port = listener.getsockname()[:2]
            sip = core.config.sip
            transports = "udp,tcp" if sip.tcp else "udp"
            log.info("ready: http=%s:%d sip=%s:%d/%s", host, port, sip.socket_ip, core.engine.port, transports)
            await _until_stopped(serving)
            log.info("stopping: hanging up %d legs", len(core.legs.all()))
    log.info("stopped")


async def _until_stopped(serving: asyncio.Task[None]) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    waiting = asyncio.create_task(asked.wait())
    try:
        await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def http_config(core: Core, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        application(core, settings.vsi_event_buffer_size),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws=WebSocketProtocol,
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=CLOSE_SECONDS,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises StartError with what to change."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except (OSError, UnicodeError) as error:
        listener.close()
        raise StartError(f"HTTP cannot listen on {host}:{port}: {error}. Check HTTP_ADDR.") from error
    listener.setblocking(False)
    return listener
