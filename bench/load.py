"""The load side of the benchmarks: many SIP calls and their RTP, from a process of its own.

Signalling is Python (one datagram socket, messages by template), RTP is C (rtpload.c).
"""

from __future__ import annotations

import asyncio
import ctypes
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

SOURCE = Path(__file__).with_name("rtpload.c")
IN_FLIGHT = 32
"""Calls being set up at once."""


def compile_rtp() -> Any:
    """The RTP part as a loaded library."""
    library = Path(tempfile.mkdtemp(prefix="legroom-bench-")) / "rtpload.so"
    subprocess.run(
        ["cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-pthread", "-o", str(library), str(SOURCE), "-lm"],
        check=True,
    )
    loaded = ctypes.CDLL(str(library))
    loaded.load_received.restype = loaded.load_expected.restype = ctypes.c_uint64
    loaded.load_jitter_ms.restype = ctypes.c_double
    loaded.load_delays.restype = ctypes.POINTER(ctypes.c_float)
    return loaded


@dataclass(frozen=True)
class Heard:
    """What all legs received in a measurement."""

    received: int
    lost: int
    silent_legs: int
    jitter_ms_mean: float
    jitter_ms_worst: float
    delays_ms: npt.NDArray[np.float32]

    def delay(self, percentile: float) -> float:
        return float(np.percentile(self.delays_ms, percentile)) if len(self.delays_ms) else float("nan")


class Load(asyncio.DatagramProtocol):
    """Calls `sip:room<n>@server` from `leg<i>`; legs 2n and 2n+1 share room n."""

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.rtp = compile_rtp()
        self.rtp_port = int(self.rtp.load_open())
        self.failures: list[str] = []
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._calls: dict[int, tuple[str, str]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, server_port: int) -> Load:
        loop = asyncio.get_running_loop()
        _, load = await loop.create_datagram_endpoint(lambda: cls(server_port), local_addr=("127.0.0.1", 0))
        load.rtp.load_start()
        return load

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self._port = int(transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        text = data.decode()
        if not text.startswith("SIP/2.0"):
            return
        status = int(text[8:11])
        found = re.search(r"^Call-ID: (\S+)", text, re.MULTILINE | re.IGNORECASE)
        if status >= 200 and found is not None and (waiting := self._answers.pop(found.group(1), None)):
            waiting.set_result(text)

    async def call_all(self, legs: int) -> float:
        """Set up all calls; returns the seconds from the first INVITE to the last answer."""
        loop = asyncio.get_running_loop()
        gate = asyncio.Semaphore(IN_FLIGHT)
        started = loop.time()

        async def one(index: int) -> None:
            async with gate:
                await self._call(index)

        await asyncio.gather(*(one(index) for index in range(legs)))
        return loop.time() - started

    async def _call(self, index: int) -> None:
        call_id = f"{index}-{self._port}"
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[call_id] = answer
        sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.rtp_port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
        self._send("INVITE", index, call_id, sdp)
        try:
            text = await asyncio.wait_for(answer, 20)
        except TimeoutError:
            self.failures.append(f"leg {index}: no answer")
            return
        if text[8:11] != "200":
            self.failures.append(f"leg {index}: {text[:40]}")
            return
        to = re.search(r"^To: (.+?)\r$", text, re.MULTILINE | re.IGNORECASE)
        media = re.search(r"^m=audio (\d+)", text, re.MULTILINE)
        if to is None or media is None:
            self.failures.append(f"leg {index}: an answer without To or m=audio")
            return
        self._send("ACK", index, call_id, to=to.group(1))
        self.rtp.load_add(index, int(media.group(1)))

    def _send(self, method: str, index: int, call_id: str, body: str = "", to: str = "") -> None:
        target = f"sip:room{index // 2}@127.0.0.1:{self.server_port}"
        lines = [
            f"{method} {target} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._port};branch=z9hG4bK{method}{call_id}",
            "Max-Forwards: 70",
            f"From: <sip:leg{index}@127.0.0.1:{self._port}>;tag={index}",
            f"To: {to or f'<{target}>'}",
            f"Call-ID: {call_id}",
            f"CSeq: 1 {method}",
            f"Contact: <sip:leg{index}@127.0.0.1:{self._port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        assert self._transport is not None
        self._transport.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), ("127.0.0.1", self.server_port))

    async def listen(self, seconds: float, legs: int) -> Heard:
        """Measure what is heard for some seconds."""
        self.rtp.load_measure()
        await asyncio.sleep(seconds)
        self.rtp.load_pause()
        received = [int(self.rtp.load_received(leg)) for leg in range(legs)]
        expected = [int(self.rtp.load_expected(leg)) for leg in range(legs)]
        jitter = [float(self.rtp.load_jitter_ms(leg)) for leg in range(legs)]
        count = int(self.rtp.load_delay_count())
        delays = np.ctypeslib.as_array(self.rtp.load_delays(), (max(count, 1),))[:count].copy()
        return Heard(
            received=sum(received),
            lost=sum(expected) - sum(received),
            silent_legs=sum(1 for number in received if number == 0),
            jitter_ms_mean=float(np.mean(jitter)),
            jitter_ms_worst=float(np.max(jitter)),
            delays_ms=delays,
        )

    def close(self) -> None:
        self.rtp.load_stop()
        if self._transport is not None:
            self._transport.close()
