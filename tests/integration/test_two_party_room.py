"""The main job: two callers in a room hear each other and not themselves, and the recording holds both."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.integration.conftest import MakePhone
from tests.kit.server import Server, Vsi
from tests.kit.signal import Samples, level
from tests.kit.sip_peer import SipPeer
from tests.kit.waiting import eventually

A_HZ, B_HZ = 440.0, 1000.0
SENT_DBFS = -12.0


async def join(server: Server, vsi: Vsi, caller: SipPeer, callee: SipPeer, room: str) -> None:
    """The caller dials in and is answered into the room; the callee is dialled into it."""
    calling = asyncio.create_task(caller.call(server.sip_port))
    ringing = await vsi.event("leg.ringing", leg_type="sip_inbound")
    reply = await vsi.command("add_leg_to_room", room_id=room, leg_id=ringing["leg_id"])
    assert reply["status"] == "adding"
    assert (await calling).status == 200
    outbound = await vsi.command(
        "create_leg", type="sip", to=callee.uri, room_id=room, codecs=[callee.media.codec.name]
    )
    await callee.next_invite()
    callee.answer()
    await vsi.event("leg.joined_room", leg_id=ringing["leg_id"])
    await vsi.event("leg.joined_room", leg_id=outbound["id"])


def heard(phone: SipPeer, seconds: float) -> Samples:
    """The last seconds that a phone heard."""
    return phone.media.received.samples()[-round(seconds * phone.media.codec.rate) :]


def read(path: Path) -> tuple[int, Samples]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)


@pytest.mark.parametrize(
    ("rate", "codecs"),
    [
        (8000, ("PCMU", "PCMA")),
        (16000, ("PCMU", "G722")),
        (16000, ("PCMA", "opus")),
        (48000, ("opus", "G722")),
        (48000, ("PCMU", "opus")),
    ],
)
async def test_each_hears_the_other(
    server: Server, vsi: Vsi, phone: MakePhone, rate: int, codecs: tuple[str, str]
) -> None:
    """A receives 1 kHz at least 40 dB above 440 Hz, B the reverse; the WAV holds both within 1 dB."""
    caller, callee = await phone(codecs[0]), await phone(codecs[1])
    await vsi.command("create_room", id="lobby", sample_rate=rate)
    await join(server, vsi, caller, callee, "lobby")
    caller.send_tone(A_HZ, SENT_DBFS)
    callee.send_tone(B_HZ, SENT_DBFS)
    seconds = 1.5
    for party in (caller, callee):
        await eventually(lambda party=party: "" if len(party.media.received.audio) > 25 else "no audio yet")  # type: ignore[misc]  # mypy cannot infer lambdas with defaults

    recording = await vsi.command("room_record_start", id="lobby")
    loop = asyncio.get_running_loop()
    started = loop.time()
    target = len(caller.media.received.audio) + round(seconds / 0.02)
    await eventually(lambda: "" if len(caller.media.received.audio) >= target else "still recording")
    stopped = await vsi.command("room_record_stop", id="lobby")
    length = loop.time() - started

    assert stopped == {"status": "stopped", "file": recording["file"]}
    for party, wanted, own in ((caller, B_HZ, A_HZ), (callee, A_HZ, B_HZ)):
        sound = heard(party, 1.0)
        assert level(sound, wanted, party.media.codec.rate) == pytest.approx(SENT_DBFS, abs=1.0)
        assert level(sound, wanted, party.media.codec.rate) - level(sound, own, party.media.codec.rate) >= 40
        assert party.media.received.lost() == 0
    wav_rate, mix = read(Path(recording["file"]))
    assert wav_rate == rate
    assert len(mix) / rate == pytest.approx(length, abs=0.04)
    middle = mix[rate // 4 : -rate // 4]
    assert level(middle, A_HZ, rate) == pytest.approx(SENT_DBFS, abs=1.0)
    assert level(middle, B_HZ, rate) == pytest.approx(SENT_DBFS, abs=1.0)
    await caller.bye()
    await vsi.event("leg.disconnected", leg_id=(await vsi.event("leg.ringing", leg_type="sip_inbound"))["leg_id"])
