"""Peers that want more than a call: what pjsua would do by itself if it were let, and what could end its thread."""

from __future__ import annotations

import asyncio
import re
import uuid
from pathlib import Path

import pytest

from tests.integration.conftest import MakePhone
from tests.integration.test_malformed import invite
from tests.kit.server import CommandError, Server, Vsi, rtp_range, running
from tests.kit.sip_peer import SipPeer


async def connect(server: Server, vsi: Vsi, caller: SipPeer) -> str:
    """Dial in and be answered; returns the leg."""
    calling = asyncio.create_task(caller.call(server.sip_port))
    leg = str((await vsi.event("leg.ringing"))["leg_id"])
    await vsi.command("answer_leg", id=leg)
    assert (await calling).status == 200
    await vsi.event("leg.connected", leg_id=leg)
    return leg


async def response_to(peer: SipPeer, method: str) -> int:
    while True:
        response = await asyncio.wait_for(peer.responses.get(), 5)
        if response.method == method and response.status >= 200:
            return response.status


async def test_log_lines_that_are_not_utf8_do_not_end_sip(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """pjlib quotes a message without a CSeq in its log, bytes and all; the next call is a call."""
    peer = await phone()
    text = invite(peer, server).replace("CSeq: 1 INVITE\r\n", "Subject: \xff\xfe\r\n").replace("INVITE", "OPTIONS")
    peer.send_raw(text.encode("latin-1"), server.sip_port)
    leg = await connect(server, vsi, peer)
    await vsi.command("delete_leg", id=leg)
    await asyncio.wait_for(peer.ended.wait(), 5)


async def test_a_peer_cannot_make_the_server_dial(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """REFER is declined; whoever it names is not called, and the call goes on."""
    caller, victim = await phone(), await phone()
    leg = await connect(server, vsi, caller)
    caller.refer(victim.uri)
    assert await response_to(caller, "REFER") == 603
    assert victim.requests.empty()
    assert (await vsi.command("get_leg", id=leg))["state"] == "connected"
    await caller.bye()
    await vsi.event("leg.disconnected", leg_id=leg)
    assert victim.requests.empty()


async def test_a_peer_cannot_take_over_a_call(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """INVITE with Replaces is refused; the call that it names goes on."""
    caller, thief = await phone(), await phone()
    leg = await connect(server, vsi, caller)
    assert caller.dialog is not None
    tags = [re.search(r"tag=([^;]+)", party) for party in (caller.dialog.remote, caller.dialog.local)]
    assert all(tags)
    to_tag, from_tag = (tag.group(1) for tag in tags if tag is not None)
    replaces = f"{caller.dialog.call_id};to-tag={to_tag};from-tag={from_tag}"
    refused = await thief.call(server.sip_port, headers={"Replaces": replaces})
    assert refused.status >= 400
    assert [each["id"] for each in await vsi.command("list_legs")] == [leg]
    await caller.bye()
    await vsi.event("leg.disconnected", leg_id=leg)


async def test_many_calls_that_are_refused_at_once_all_end(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """However soon the refusal comes, its leg hears of it."""
    callee = await phone()

    async def refuse() -> None:
        while True:
            await callee.next_invite()
            callee.answer(486, "Busy Here")

    refusing = asyncio.create_task(refuse())
    try:
        legs = [(await vsi.command("create_leg", type="sip", to=callee.uri))["id"] for _ in range(60)]
        for leg in legs:
            assert (await vsi.event("leg.disconnected", leg_id=leg))["cdr"]["reason"] == "busy"
        assert await vsi.command("list_legs") == []
    finally:
        refusing.cancel()
        await asyncio.gather(refusing, return_exceptions=True)


async def test_an_answer_that_nothing_can_be_heard_with_is_no_answer(vsi: Vsi, phone: MakePhone) -> None:
    """The callee takes a codec that was not offered: connect_failed, and never leg.connected."""
    callee = await phone("G722")
    leg = (await vsi.command("create_leg", type="sip", to=callee.uri, codecs=["PCMU"]))["id"]
    await callee.next_invite()
    callee.answer()
    assert (await vsi.event("leg.disconnected", leg_id=leg))["cdr"]["reason"] == "connect_failed"
    assert vsi.types(leg_id=leg) == ["leg.ringing", "leg.disconnected"]


@pytest.mark.parametrize("field", ["ring_timeout", "max_duration"])
async def test_a_time_limit_of_any_size_is_a_number_or_refused(vsi: Vsi, phone: MakePhone, field: str) -> None:
    """And a refused one leaves no leg behind."""
    callee = await phone()
    with pytest.raises(CommandError, match=r"must be 0 \(no limit\) to"):
        await vsi.command("create_leg", type="sip", to=callee.uri, **{field: 10**400})
    assert await vsi.command("list_legs") == []


async def test_a_room_can_be_deleted_and_made_again_at_once(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """While it is being deleted its id is taken; afterwards it is free, and the events are in order."""
    caller = await phone()
    leg = await connect(server, vsi, caller)
    await vsi.command("add_leg_to_room", room_id="r", leg_id=leg)
    await vsi.command("room_record_start", id="r")
    async with server.vsi() as other:
        results = await asyncio.gather(
            vsi.command("delete_room", id="r"), other.command("delete_room", id="r"), return_exceptions=True
        )
        codes = sorted(each.code if isinstance(each, CommandError) else 200 for each in results)
        assert codes == [200, 404]
        await other.command("create_room", id="r")
    order = [each for each in vsi.types() if each.startswith(("room", "rec"))]
    assert order[:4] == ["room.created", "recording.started", "recording.finished", "room.deleted"]
    assert (await vsi.command("get_room", id="r"))["participants"] == []


async def test_calls_beyond_the_rtp_ports_end_once(tmp_path: Path, phone: MakePhone) -> None:
    """invite_failed, told once a leg; those that have ports go on."""
    first = rtp_range()[0]
    limited = running(tmp_path, RTP_PORT_MIN=str(first), RTP_PORT_MAX=str(first + 4))
    async with limited as server, server.vsi() as vsi:
        callee = await phone()
        legs = [(await vsi.command("create_leg", type="sip", to=callee.uri))["id"] for _ in range(8)]
        failed = await vsi.event("leg.disconnected")
        assert failed["cdr"]["reason"] == "invite_failed"
        left = {leg["id"] for leg in await vsi.command("list_legs")}
        for leg in legs:
            if leg in left:
                await vsi.command("delete_leg", id=leg)
        for leg in legs:
            await vsi.event("leg.disconnected", leg_id=leg)
        await vsi.command("list_legs")  # whatever was still to be told has been told by now
        assert [vsi.types(leg_id=leg).count("leg.disconnected") for leg in legs] == [1] * len(legs)


async def test_names_in_sdp_are_refused(server: Server, phone: MakePhone) -> None:
    """They would be looked up, blocking, on the thread that serves everybody."""
    for line in ("c=IN IP4 media.example.com", "a=rtcp:5000 IN IP4 media.example.com"):
        caller = await phone()
        caller.offer = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {caller.media.port} RTP/AVP 0\r\n{line}\r\n"
        )
        assert (await caller.call(server.sip_port, uuid.uuid4().hex)).status == 488
