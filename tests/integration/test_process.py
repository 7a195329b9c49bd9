"""The process itself: start-up failures, shutdown, what a crash leaves behind, and the command line."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.integration.conftest import MakePhone
from tests.integration.test_two_party_room import join
from tests.kit.server import running, start
from tests.kit.signal import level, tone
from tests.kit.waiting import eventually


async def legroom(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run the command to its end; returns exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "api.cli",
        *arguments,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def taken(kind: socket.SocketKind) -> socket.socket:
    """A socket on a port that nobody else can have."""
    holder = socket.socket(socket.AF_INET, kind)
    holder.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        holder.listen()
    return holder


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SIP_BIND_IP": "192.0.2.1"}, "SIP_LISTEN_IP"),
        ({"SIP_BIND_IP": "nonsense"}, "SIP_BIND_IP"),
        ({"SIP_PORT": "70000"}, "SIP_PORT"),
        ({"SIP_CODECS": "PCMU,MP3"}, "MP3"),
        ({"HTTP_ADDR": "nowhere"}, "HTTP_ADDR"),
        ({"HTTP_ADDR": "192.0.2.1:0"}, "HTTP_ADDR"),
        ({"RECORDING_DIR": "/proc/recordings"}, "RECORDING_DIR"),
        ({"RTP_PORT_MIN": "20000", "RTP_PORT_MAX": "20000"}, "RTP_PORT_MAX"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
    ],
)
async def test_a_bad_setting_is_one_clear_line(tmp_path: Path, environment: dict[str, str], named: str) -> None:
    """Exit code 1, the variable named, no traceback."""
    defaults = {"HTTP_ADDR": "127.0.0.1:0", "SIP_PORT": "0", "RECORDING_DIR": str(tmp_path)}
    code, _, err = await legroom("serve", **{**defaults, **environment})
    assert code == 1
    assert "Traceback" not in err
    last = err.strip().splitlines()[-1]
    assert last.startswith("legroom: ")
    assert named in last


@pytest.mark.parametrize(("setting", "kind"), [("SIP", socket.SOCK_DGRAM), ("HTTP", socket.SOCK_STREAM)])
async def test_a_port_in_use_is_one_clear_line(tmp_path: Path, setting: str, kind: socket.SocketKind) -> None:
    """It says which port, and which variable changes it."""
    with taken(kind) as holder:
        port = str(holder.getsockname()[1])
        chosen = {"SIP_PORT": port if setting == "SIP" else "0"}
        chosen["HTTP_ADDR"] = f"127.0.0.1:{port}" if setting == "HTTP" else "127.0.0.1:0"
        code, _, err = await legroom("serve", RECORDING_DIR=str(tmp_path), **chosen)
        assert code == 1
        assert "Traceback" not in err
        assert port in err.strip().splitlines()[-1]


async def test_shutdown_hangs_up_and_publishes(tmp_path: Path, phone: MakePhone) -> None:
    """On SIGTERM callers get BYE, clients hear of it, the recording is published, and the exit code is 0."""
    caller, callee = await phone(), await phone()
    async with running(tmp_path) as server:
        async with server.vsi() as vsi:
            await join(server, vsi, caller, callee, "lobby")
            file = (await vsi.command("room_record_start", id="lobby"))["file"]
            server.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(caller.ended.wait(), 5)
            await asyncio.wait_for(callee.ended.wait(), 5)
            assert (await vsi.event("recording.finished"))["file"] == file
            assert (await vsi.event("leg.disconnected"))["cdr"]["reason"] == "shutdown"
        assert await asyncio.wait_for(server.process.wait(), 10) == 0
        assert Path(file).exists()


async def test_a_recording_survives_kill_9(tmp_path: Path, phone: MakePhone) -> None:
    """What was staged is repaired and published at the next start; nothing half-written is ever visible."""
    caller, callee = await phone(), await phone()
    server = await start(tmp_path)
    try:
        async with server.vsi() as vsi:
            await join(server, vsi, caller, callee, "lobby")
            caller.send_tone(440.0)
            file = Path((await vsi.command("room_record_start", id="lobby"))["file"])
            staged = file.parent / ".staging" / file.name
            await eventually(lambda: "" if staged.stat().st_size > 32000 else "little recorded yet")
            server.process.kill()
            await server.process.wait()
    finally:
        if server.process.returncode is None:
            server.process.kill()
            await server.process.wait()
    assert staged.exists()
    assert not file.exists()
    async with running(tmp_path):
        assert not staged.exists()
        with wave.open(str(file)) as recording:
            rate, frames = recording.getframerate(), recording.getnframes()
            samples = np.frombuffer(recording.readframes(frames), np.int16)
        assert len(samples) == frames
        assert level(samples[-rate // 2 :], 440.0, rate) == pytest.approx(-12.0, abs=1.0)


def write_wav(path: Path, rate: int, frequency: float) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(tone(frequency, rate, 1.0).tobytes())


async def test_the_test_caller_plays_and_records(tmp_path: Path, phone: MakePhone) -> None:
    """`legroom call` is heard by the callee and writes what it hears."""
    callee = await phone("G722")
    played, heard = tmp_path / "played.wav", tmp_path / "heard.wav"
    write_wav(played, 16000, 440.0)
    calling = asyncio.create_task(legroom("call", callee.uri, "--play", str(played), "--record", str(heard)))
    await callee.next_invite()
    callee.answer()
    callee.send_tone(1000.0)
    code, out, err = await calling
    assert code == 0, err
    assert "answered" in out
    assert "MOS" in out
    said = callee.media.received.samples()
    assert level(said[-8000:], 440.0, 16000) == pytest.approx(-12.0, abs=1.0)
    with wave.open(str(heard)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        assert level(samples[file.getframerate() // 4 :], 1000.0, file.getframerate()) == pytest.approx(-12.0, abs=1.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["call", "not a uri"], "not a SIP URI"),
        (["call", "sip:a@127.0.0.1", "--play", "/nowhere.wav"], "cannot be played"),
        (["call", "sip:a@127.0.0.1", "--header", "nocolon"], "NAME:VALUE"),
        (["call", "sip:a@127.0.0.1", "--codec", "mp3"], "unknown codec"),
        (["call", "sip:a@127.0.0.1", "--record", "/proc/heard.wav"], "cannot be written"),
        (["call", "sip:a@127.0.0.1", "--record", "/etc/hostname"], "exists already"),
    ],
)
async def test_the_test_caller_refuses_bad_arguments(arguments: list[str], said: str) -> None:
    """One line, exit code 1."""
    code, _, err = await legroom(*arguments)
    assert code == 1
    assert said in err
    assert "Traceback" not in err


async def test_the_test_caller_reports_a_refusal(tmp_path: Path, phone: MakePhone) -> None:
    """Exit code 1 and the reason, and no recording left behind."""
    callee = await phone()
    calling = asyncio.create_task(legroom("call", callee.uri, "--record", str(tmp_path / "heard.wav")))
    await callee.next_invite()
    callee.answer(486, "Busy Here")
    code, out, _ = await calling
    assert code == 1
    assert "busy (486)" in out
    assert list(tmp_path.iterdir()) == []


async def test_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    """Exit code 0 when all is well; 1 and the port when one is taken."""
    free = {"HTTP_ADDR": "127.0.0.1:0", "SIP_PORT": "0", "RECORDING_DIR": str(tmp_path)}
    code, out, err = await legroom("doctor", **free)
    assert code == 0, out + err
    assert "maximum calls  2000" in out
    with taken(socket.SOCK_DGRAM) as holder:
        port = str(holder.getsockname()[1])
        code, out, _ = await legroom("doctor", **{**free, "SIP_PORT": port})
        assert code == 1
        assert f"ERROR  SIP cannot listen on 127.0.0.1:{port}/UDP" in out
    code, out, _ = await legroom("doctor", "--settings", **free)
    assert code == 0
    assert "SIP_CODECS=PCMU,PCMA" in out


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["call", "--help"], ["doctor", "--help"]])
async def test_help_helps(arguments: list[str]) -> None:
    """Every command explains itself."""
    code, out, _ = await legroom(*arguments)
    assert code == 0
    assert "usage: legroom" in out
