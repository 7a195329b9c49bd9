"""The SIPp scenarios, run by the real sipp against the real server."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

from tests.kit.server import Server, Vsi, running
from tests.kit.waiting import eventually

SCENARIOS = Path(__file__).parents[2] / "sipp-scenarios"


def free_port() -> int:
    """A UDP port that nobody uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    """Whether somebody accepts TCP connections on a port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Sipp:
    """One run of a scenario, one call. Succeeds when every message it expects comes."""

    def __init__(self, process: asyncio.subprocess.Process, name: str, port: int, parameters: str) -> None:
        self._process = process
        self._name = name
        self.port = port
        self.uri = f"sip:sipp@127.0.0.1:{port}{parameters}"

    @classmethod
    async def start(cls, name: str, server: Server, *, tcp: bool = False) -> Sipp:
        port = free_port()
        arguments = ["-sf", f"{name}.xml", "-m", "1", "-i", "127.0.0.1", "-p", str(port), "-nostdin", "-timeout", "20"]
        # RTP ports of its own for each run; sipp takes even ones from here upwards.
        arguments += ["-mp", str(free_port() & ~1), "-timeout_error", "-trace_err", "-error_file", "/dev/stderr"]
        if tcp:
            arguments += ["-t", "t1"]
        if name.startswith("uac"):
            arguments += ["-s", "1000", f"127.0.0.1:{server.sip_port}"]
        process = await asyncio.create_subprocess_exec(
            "sipp", *arguments, cwd=SCENARIOS, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        return cls(process, name, port, ";transport=tcp" if tcp else "")

    async def succeeds(self) -> None:
        output, _ = await asyncio.wait_for(self._process.communicate(), 30)
        assert self._process.returncode == 0, f"{self._name}:\n{output.decode(errors='replace')[-3000:]}"


async def inbound(vsi: Vsi) -> str:
    return str((await vsi.event("leg.ringing", leg_type="sip_inbound"))["leg_id"])


async def reason(vsi: Vsi, leg: str) -> dict[str, Any]:
    return dict(await vsi.event("leg.disconnected", leg_id=leg))


async def test_caller_that_talks_and_hangs_up(server: Server, vsi: Vsi) -> None:
    """The leg ends with remote_bye and the quality of what it said."""
    sipp = await Sipp.start("uac-talk-hangup", server)
    leg = await inbound(vsi)
    await vsi.command("answer_leg", id=leg)
    await sipp.succeeds()
    ended = await reason(vsi, leg)
    assert ended["cdr"]["reason"] == "remote_bye"
    assert ended["quality"]["rtp_packets_received"] > 80
    assert ended["quality"]["rtp_packets_lost"] == 0


async def test_caller_that_cancels(server: Server, vsi: Vsi) -> None:
    """The leg ends with caller_cancel and was never answered."""
    sipp = await Sipp.start("uac-cancel", server)
    leg = await inbound(vsi)
    await vsi.command("leg_ring", id=leg)
    await sipp.succeeds()
    assert (await reason(vsi, leg))["cdr"] == {
        **(await reason(vsi, leg))["cdr"],
        "reason": "caller_cancel",
        "duration_answered": 0,
    }


async def test_caller_that_the_far_end_hangs_up_on(server: Server, vsi: Vsi) -> None:
    """delete_leg on a connected leg is a BYE."""
    sipp = await Sipp.start("uac-far-end-hangs-up", server)
    leg = await inbound(vsi)
    await vsi.command("answer_leg", id=leg)
    await vsi.event("leg.connected")
    await vsi.command("delete_leg", id=leg)
    await sipp.succeeds()
    assert (await reason(vsi, leg))["cdr"]["reason"] == "api_hangup"


async def test_callee_that_answers(server: Server, vsi: Vsi) -> None:
    """ringing, connected, and a BYE when it is deleted."""
    sipp = await Sipp.start("uas-answer", server)
    leg = (await vsi.command("create_leg", type="sip", to=sipp.uri))["id"]
    await vsi.event("leg.connected", leg_id=leg)
    await vsi.command("delete_leg", id=leg)
    await sipp.succeeds()
    assert (await reason(vsi, leg))["cdr"]["reason"] == "api_hangup"
    assert vsi.types(leg_id=leg) == ["leg.ringing", "leg.connected", "leg.disconnected"]


async def test_callee_that_is_busy(server: Server, vsi: Vsi) -> None:
    """The leg ends with busy."""
    sipp = await Sipp.start("uas-busy", server)
    leg = (await vsi.command("create_leg", type="sip", to=sipp.uri))["id"]
    await sipp.succeeds()
    assert (await reason(vsi, leg))["cdr"]["reason"] == "busy"


async def test_calls_over_tcp(tmp_path: Path) -> None:
    """In and out, on the port that UDP has too."""
    async with running(tmp_path, SIP_TCP_ENABLED="true") as server, server.vsi() as vsi:
        caller = await Sipp.start("uac-talk-hangup", server, tcp=True)
        leg = await inbound(vsi)
        await vsi.command("answer_leg", id=leg)
        await caller.succeeds()
        assert (await reason(vsi, leg))["cdr"]["reason"] == "remote_bye"
        callee = await Sipp.start("uas-answer", server, tcp=True)
        await eventually(lambda: "" if listening(callee.port) else "sipp does not listen yet")
        leg = (await vsi.command("create_leg", type="sip", to=callee.uri))["id"]
        await vsi.event("leg.connected", leg_id=leg)
        await vsi.command("delete_leg", id=leg)
        await callee.succeeds()


async def test_invite_without_sdp(server: Server, vsi: Vsi) -> None:
    """400 Bad SDP, no leg, no event."""
    await (await Sipp.start("uac-no-sdp", server)).succeeds()
    assert await vsi.command("list_legs") == []
    assert vsi.events == []


async def test_invite_without_sdp_where_delayed_offers_are_enabled(tmp_path: Path) -> None:
    """The server offers in its 200 and takes the answer from the ACK."""
    async with running(tmp_path, SIP_DELAYED_OFFER="true") as server, server.vsi() as vsi:
        sipp = await Sipp.start("uac-delayed-offer", server)
        leg = await inbound(vsi)
        await vsi.command("answer_leg", id=leg)
        await sipp.succeeds()
        ended = await reason(vsi, leg)
        assert ended["cdr"]["reason"] == "remote_bye"
        assert ended["quality"]["rtp_packets_received"] > 30
