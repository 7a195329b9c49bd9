"""Malformed SIP and SDP: answered with a SIP error or dropped, nothing logged as a traceback, and calls go on."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import pytest

from tests.integration.conftest import MakePhone
from tests.kit.server import Server, Vsi
from tests.kit.sip_peer import Message, SipPeer

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
DROPPED = None
CALL = 0
"""It became a call: unusual, but well-formed or harmless."""
Change = Callable[[str], str]


def invite(peer: SipPeer, server: Server, body: str = SDP) -> str:
    """A good INVITE, for each case to spoil."""
    return (
        f"INVITE sip:1000@127.0.0.1:{server.sip_port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:{peer.port};rport;branch=z9hG4bK{uuid.uuid4().hex}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <{peer.uri}>;tag=1\r\n"
        f"To: <sip:1000@127.0.0.1:{server.sip_port}>\r\n"
        f"Call-ID: {uuid.uuid4().hex}\r\n"
        "CSeq: 1 INVITE\r\n"
        f"Contact: <{peer.uri}>\r\n"
        "Content-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n"
        "\r\n" + body
    )


def without(name: str) -> Change:
    return lambda text: "\r\n".join(line for line in text.split("\r\n") if not line.startswith(f"{name}:"))


def replaced(old: str, new: str) -> Change:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def with_body(body: str, kind: str = "application/sdp") -> Change:
    def change(text: str) -> str:
        head = text.partition("\r\n\r\n")[0]
        lines = [line for line in head.split("\r\n") if not line.startswith(("Content-Length:", "Content-Type:"))]
        return "\r\n".join([*lines, f"Content-Type: {kind}", f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body

    return change


MESSAGES: dict[str, tuple[Change, set[int | None]]] = {
    # name: how it is spoilt, and what may come back (None: nothing)
    "empty": (lambda _: "", {DROPPED}),
    "line breaks only": (lambda _: "\r\n\r\n", {DROPPED}),
    "binary": (lambda _: "\x00\x01\x02" * 100, {DROPPED}),
    "start line only": (lambda text: text.split("\r\n")[0], {DROPPED}),
    "cut in the start line": (lambda text: text[:10], {DROPPED}),
    "cut in a header": (lambda text: text[:200], {DROPPED, 400}),
    "cut in the body": (lambda text: text[:-40], {DROPPED, 400}),
    "no CSeq": (without("CSeq"), {DROPPED, 400}),
    "no Call-ID": (without("Call-ID"), {DROPPED, 400}),
    "no From": (without("From"), {DROPPED, 400}),
    "no To": (without("To"), {DROPPED, 400}),
    "no Via": (without("Via"), {DROPPED}),
    "no Contact": (without("Contact"), {400}),
    "CSeq of another method": (replaced("CSeq: 1 INVITE", "CSeq: 1 BYE"), {DROPPED, 400, 500}),
    "CSeq that is no number": (replaced("CSeq: 1", "CSeq: one"), {DROPPED, 400}),
    "CSeq too large": (replaced("CSeq: 1", "CSeq: 36893488147419103232"), {DROPPED, 400}),
    "Content-Length too long": (replaced(f"Content-Length: {len(SDP)}", "Content-Length: 9999"), {DROPPED, 400}),
    "Content-Length too short": (replaced(f"Content-Length: {len(SDP)}", "Content-Length: 20"), {CALL, 400}),
    "Content-Length negative": (replaced(f"Content-Length: {len(SDP)}", "Content-Length: -1"), {DROPPED, 400}),
    "unknown version": (replaced("SIP/2.0\r\n", "SIP/7.0\r\n"), {DROPPED, 400, 505}),
    "unknown method": (lambda text: text.replace("INVITE", "DANCE"), {405, 501}),
    "bad Request-URI": (replaced("INVITE sip:1000@", "INVITE sip::::@"), {DROPPED, 400, 416}),
    "tel Request-URI without a number": (replaced("INVITE sip:1000@127.0.0.1", "INVITE tel:"), {DROPPED, 400, 416}),
    "Max-Forwards 0": (replaced("Max-Forwards: 70", "Max-Forwards: 0"), {CALL, 483}),
    "header of 12,000 bytes": (replaced("Max-Forwards: 70", "X-Long: " + "a" * 12000), {CALL, 400, 513}),
    "2,000 headers": (replaced("Max-Forwards: 70", "X-A: 1\r\n" * 2000 + "X-B: 1"), {DROPPED, 400, 513}),
    "message of 40,000 bytes": (replaced("Max-Forwards: 70", "X-Long: " + "a" * 40000), {DROPPED, 400, 513}),
    "unknown extension required": (replaced("Max-Forwards: 70", "Require: telepathy"), {420}),
    "body of another type": (with_body("<a/>", "text/xml"), {415, 400}),
    "SDP that is none": (with_body("hello"), {400}),
    "SDP without media": (with_body(SDP.partition("m=")[0]), {400, 488}),
    "SDP without a connection": (with_body(SDP.replace("c=IN IP4 127.0.0.1\r\n", "")), {400, 488}),
    "SDP with a bad address": (with_body(SDP.replace("c=IN IP4 127.0.0.1", "c=IN IP4 999.1.1")), {400, 488}),
    "SDP with unknown codecs only": (
        with_body(SDP.replace("RTP/AVP 0", "RTP/AVP 99").replace(":0 PCMU", ":99 x")),
        {488},
    ),
    "SDP with port 0": (with_body(SDP.replace("40000", "0")), {400, 488}),
    "SDP with a port out of range": (with_body(SDP.replace("40000", "99999")), {400, 488}),
    "SDP with video only": (with_body(SDP.replace("m=audio", "m=video")), {400, 488}),
    "SDP with 401 media": (with_body(SDP + "m=audio 40000 RTP/AVP 0\r\n" * 400), {CALL, DROPPED, 400, 488}),
    "SDP cut in a line": (with_body(SDP[:60]), {400, 488}),
}


async def exchange(peer: SipPeer, server: Server, text: str) -> int | None:
    """Send one message; return the final response to it, or None if none came."""
    peer.send_raw(text.encode("latin-1"), server.sip_port)
    # An OPTIONS behind it tells when the server is done with it: UDP on loopback keeps its order.
    probe = invite(peer, server, "").replace("INVITE", "OPTIONS").replace("Content-Type: application/sdp\r\n", "")
    peer.send_raw(probe.encode(), server.sip_port)
    final: int | None = None
    while True:
        response: Message = await asyncio.wait_for(peer.responses.get(), 5)
        if response.method == "OPTIONS" and response.get("cseq").endswith("OPTIONS") and response.status >= 200:
            return final
        if response.status >= 200:
            final = response.status


@pytest.mark.parametrize("name", MESSAGES)
async def test_a_malformed_message_is_refused_or_dropped(server: Server, vsi: Vsi, phone: MakePhone, name: str) -> None:
    """And the next good call is a call, from the same address."""
    spoil, allowed = MESSAGES[name]
    peer = await phone()
    outcome = await exchange(peer, server, spoil(invite(peer, server)))
    legs = await vsi.command("list_legs")
    assert (CALL if legs else outcome) in allowed
    for unusual in legs:
        await vsi.command("delete_leg", id=unusual["id"])
        await vsi.event("leg.disconnected", leg_id=unusual["id"])
        vsi.events.clear()
    calling = asyncio.create_task(peer.call(server.sip_port))
    leg = (await vsi.event("leg.ringing"))["leg_id"]
    await vsi.command("answer_leg", id=leg)
    assert (await calling).status == 200
    await peer.bye()
    assert (await vsi.event("leg.disconnected", leg_id=leg))["cdr"]["reason"] == "remote_bye"
