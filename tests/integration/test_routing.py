"""Who hears whom: roles, the routing matrix, mute and deaf, heard on real calls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.conftest import MakePhone
from tests.kit.server import CommandError, Server, Vsi
from tests.kit.signal import level
from tests.kit.sip_peer import SipPeer
from tests.kit.waiting import eventually

TONES = {"customer": 440.0, "agent": 1000.0, "supervisor": 1700.0}
MONITOR = {"customer": ["agent"], "agent": ["customer"], "supervisor": ["agent", "customer"]}
WHISPER = {**MONITOR, "agent": ["customer", "supervisor"]}
HEARD_DBFS, SILENT_DBFS = -14.0, -52.0
"""A tone that is there is at -12 dBFS; one that is not is 40 dB below it."""


class Party:
    """A phone in the room and its leg."""

    def __init__(self, role: str, phone: SipPeer, leg: str) -> None:
        self.role, self.phone, self.leg = role, phone, leg

    async def hears(self, seconds: float = 0.4) -> set[str]:
        """Whose tones it hears from now on."""
        media = self.phone.media
        # What was mixed before the last change may still be on its way.
        start = len(media.received.audio) + 5
        await eventually(lambda: "" if len(media.received.audio) >= start else "no audio")
        wanted = start + round(seconds / 0.02)
        await eventually(lambda: "" if len(media.received.audio) >= wanted else "no audio")
        sound = media.received.samples()[start * 160 :]
        levels = {role: level(sound, tone, 8000) for role, tone in TONES.items()}
        unclear = {role: value for role, value in levels.items() if SILENT_DBFS < value < HEARD_DBFS}
        assert not unclear, levels
        return {role for role, value in levels.items() if value >= HEARD_DBFS}


async def gather(server: Server, vsi: Vsi, phone: MakePhone, room: str = "") -> dict[str, Party]:
    """Three parties with a role and a tone each, in `room`, or each in a room named for its role."""
    parties = {}
    for role, tone in TONES.items():
        peer = await phone()
        calling = asyncio.create_task(peer.call(server.sip_port, role))
        leg = (await vsi.event("leg.ringing", to=role))["leg_id"]
        await vsi.command("add_leg_to_room", room_id=room or role, leg_id=leg, role=role)
        assert (await calling).status == 200
        await vsi.event("leg.joined_room", leg_id=leg)
        peer.send_tone(tone)
        parties[role] = Party(role, peer, leg)
    return parties


async def heard_by_all(parties: dict[str, Party]) -> dict[str, set[str]]:
    heard = await asyncio.gather(*(party.hears() for party in parties.values()))
    return dict(zip(parties, heard, strict=True))


async def test_each_hears_what_the_matrix_allows(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """Every pair by level, 40 dB apart: full mesh, monitor, whisper, an empty row, mute and deaf."""
    parties = await gather(server, vsi, phone, "desk")
    everybody = {role: set(TONES) - {role} for role in TONES}
    assert await heard_by_all(parties) == everybody
    matrices: list[dict[str, list[str]]] = [MONITOR, WHISPER, {"customer": []}]
    for matrix in matrices:
        assert await vsi.command("room_routing_set", room_id="desk", matrix=matrix) == {"matrix": matrix}
        assert await heard_by_all(parties) == {**everybody, **{role: set(row) for role, row in matrix.items()}}
    assert await vsi.command("room_routing_set", room_id="desk", matrix=None) == {"matrix": {}}
    await vsi.command("mute_leg", id=parties["agent"].leg)
    await vsi.command("deaf_leg", id=parties["customer"].leg)
    assert await heard_by_all(parties) == {
        "customer": set(),
        "agent": {"customer", "supervisor"},
        "supervisor": {"customer"},
    }
    await vsi.command("unmute_leg", id=parties["agent"].leg)
    await vsi.command("undeaf_leg", id=parties["customer"].leg)
    assert await heard_by_all(parties) == everybody


async def test_the_customer_never_hears_the_supervisor(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """While roles and matrix change 200 times, no frame that the customer hears holds the supervisor's tone."""
    parties = await gather(server, vsi, phone, "desk")
    await vsi.command("room_routing_set", room_id="desk", matrix=WHISPER)
    assert (await heard_by_all(parties))["customer"] == {"agent"}
    customer = parties["customer"].phone.media
    customer.listen_anew()
    for number in range(100):
        await vsi.command("room_routing_set", room_id="desk", matrix=(MONITOR, WHISPER)[number % 2])
        role = ("supervisor", "coach")[number % 2]
        await vsi.command("set_leg_role", leg_id=parties["supervisor"].leg, role=role)
    assert (await parties["customer"].hears()) == {"agent"}
    frames = customer.received.samples()
    windows = frames[: len(frames) // 400 * 400].reshape(-1, 400)
    loudest = max(level(window, TONES["supervisor"], 8000) for window in windows)
    assert loudest < -45, f"the supervisor was heard at {loudest:.1f} dBFS"


async def test_routing_commands_and_their_events(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """Replies, events and errors as the contract has them."""
    caller = await phone()
    calling = asyncio.create_task(caller.call(server.sip_port))
    leg = (await vsi.event("leg.ringing"))["leg_id"]
    await vsi.command("answer_leg", id=leg)
    await calling
    await vsi.event("leg.connected")
    await vsi.command("create_room", id="desk")
    assert await vsi.command("room_routing_get", id="desk") == {"matrix": {}}
    for command, payload in (
        ("room_routing_get", {"id": "x"}),
        ("room_routing_set", {"room_id": "x"}),
        ("set_leg_role", {"leg_id": "x"}),
    ):
        with pytest.raises(CommandError) as refused:
            await vsi.command(command, **payload)
        assert refused.value.code == 404
    assert (await vsi.command("set_leg_role", leg_id=leg, role="agent"))["role"] == "agent"
    await vsi.command("set_leg_role", leg_id=leg, role="agent")  # again: no event
    await vsi.command("add_leg_to_room", room_id="desk", leg_id=leg, role="agent")
    await vsi.command("set_leg_role", leg_id=leg, role="coach")
    updates: list[dict[str, Any]] = [
        {"listener_role": "agent", "sources": ["b", "a", "b"]},
        {"listener_role": "coach", "sources": []},
        {"listener_role": "agent", "sources": None},
    ]
    assert await vsi.command("room_routing_update", room_id="desk", updates=updates) == {"matrix": {"coach": []}}
    assert await vsi.command("room_routing_update", room_id="desk", updates=[]) == {"matrix": {"coach": []}}
    async with server.rest() as rest:
        patched = await rest.patch(f"/legs/{leg}/role", json={"role": ""})
        assert "role" not in patched.json()
        assert (await rest.get("/rooms/desk/routing")).json() == {"instance_id": "test", "matrix": {"coach": []}}
    await vsi.event("leg.role_changed", new_role="")
    roles = [(each.get("room_id"), each["old_role"], each["new_role"]) for each in vsi.events
             if each["type"] == "leg.role_changed"]  # fmt: skip
    assert roles == [(None, "", "agent"), ("desk", "agent", "coach"), ("desk", "coach", "")]
    await vsi.event("room.routing_changed", reason="leg_role_changed", matrix={"coach": []})
    routing = [(each["reason"], each["matrix"]) for each in vsi.events if each["type"] == "room.routing_changed"]
    assert routing == [
        ("leg_joined", {}),
        ("leg_role_changed", {}),
        ("update", {"agent": ["a", "b"]}),
        ("update", {"agent": ["a", "b"], "coach": []}),
        ("update", {"coach": []}),
        ("leg_role_changed", {"coach": []}),
    ]
    await caller.bye()
