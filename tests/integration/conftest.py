"""Fixtures of the integration tests: a real server, and phones to call it with."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.kit.rtp import make_codec
from tests.kit.server import CommandError, Server, Vsi, running
from tests.kit.sip_peer import SipPeer
from tests.kit.waiting import eventually

MakePhone = Callable[..., Awaitable[SipPeer]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running(tmp_path) as running_server:
        before = running_server.descriptors()
        yield running_server
        await nothing_left(running_server, before)


@pytest.fixture
async def vsi(server: Server) -> AsyncIterator[Vsi]:
    async with server.vsi() as client:
        yield client


@pytest.fixture
async def phone() -> AsyncIterator[MakePhone]:
    """Makes phones with a codec each; they are closed after the test."""
    phones: list[SipPeer] = []

    async def make(codec: str = "PCMU") -> SipPeer:
        peer = await SipPeer.open(make_codec(codec))
        phones.append(peer)
        return peer

    yield make
    for peer in phones:
        await peer.close()


async def nothing_left(server: Server, descriptors: int) -> None:
    """After a test: no leg, no room's bridge port, no descriptor more than before but for each mixer's one."""
    async with server.vsi() as client:
        for room in await client.command("list_rooms"):
            await client.command("delete_room", id=room["id"])
        for leg in await client.command("list_legs"):
            with contextlib.suppress(CommandError):  # it may end by itself in between
                await client.command("delete_leg", id=leg["id"])
        assert await client.command("list_legs") == []
    mixers = 3
    await eventually(
        lambda: (
            ""
            if server.descriptors() <= descriptors + mixers
            else f"{server.descriptors()} descriptors, began with {descriptors}"
        )
    )
