"""RTP endpoints of the tests' own making (RFC 3550): codecs by numpy and PyAV, not by the stack under test."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import av
import numpy as np

from tests.kit.signal import Samples, tone

FRAME_SECONDS = 0.02


class Codec(Protocol):
    """Encodes and decodes 20 ms frames."""

    name: str
    payload_type: int
    rtp_rate: int
    """The RTP clock, Hz."""
    channels: int
    rate: int
    """Of the PCM, Hz."""

    def encode(self, samples: Samples) -> bytes: ...
    def decode(self, payload: bytes) -> Samples: ...


def _ulaw_table() -> Samples:
    codes = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (codes >> 4) & 7, codes & 0x0F
    magnitude = ((mantissa.astype(np.int32) << 3) + 0x84 << exponent) - 0x84
    return np.where(codes & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> Samples:
    codes = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = ((codes >> 4) & 7).astype(np.int32), (codes & 0x0F).astype(np.int32)
    small = (mantissa << 4) + 8
    large = ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0)
    magnitude = np.where(exponent == 0, small, large)
    return np.where(codes & 0x80, magnitude, -magnitude).astype(np.int16)


class TableCodec:
    """G.711: each code is one of 256 values (ITU-T G.711)."""

    rtp_rate = rate = 8000
    channels = 1

    def __init__(self, name: str, payload_type: int, table: Samples) -> None:
        self.name = name
        self.payload_type = payload_type
        self._table = table
        self._order = np.argsort(table)
        self._sorted = table[self._order].astype(np.int32)

    def encode(self, samples: Samples) -> bytes:
        above = np.clip(np.searchsorted(self._sorted, samples), 1, 255)
        nearer = samples - self._sorted[above - 1] < self._sorted[above] - samples
        return bytes(self._order[above - nearer].astype(np.uint8))

    def decode(self, payload: bytes) -> Samples:
        return self._table[np.frombuffer(payload, np.uint8)]


class AvCodec:
    """A codec of PyAV's."""

    channels = 1

    def __init__(self, name: str, payload_type: int, rtp_rate: int, rate: int, library: str, decoder: str = "") -> None:
        self.name = name
        self.payload_type = payload_type
        self.rtp_rate = rtp_rate
        self.rate = rate
        self._encoder: Any = av.CodecContext.create(library, "w")
        self._decoder: Any = av.CodecContext.create(decoder or library, "r")
        context: Any
        for context in (self._encoder, self._decoder):
            context.sample_rate = rate
            context.layout = "mono"
            context.format = "s16"
        if library == "libopus":
            self.channels = 2
        self._encoder.open()
        self._decoder.open()

    def encode(self, samples: Samples) -> bytes:
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self.rate
        return b"".join(bytes(packet) for packet in self._encoder.encode(frame))

    def decode(self, payload: bytes) -> Samples:
        frames = self._decoder.decode(av.Packet(payload))
        blocks = [np.asarray(frame.to_ndarray()) for frame in frames]
        mono = [block.reshape(-1, len(frame.layout.channels))[:, 0] if not frame.format.is_planar else block[0]
                for block, frame in zip(blocks, frames, strict=True)]  # fmt: skip
        joined = np.concatenate(mono) if mono else np.zeros(0, np.int16)
        return joined.astype(np.int16) if joined.dtype.kind == "i" else (joined * 32767).astype(np.int16)


def make_codec(name: str) -> Codec:
    """A codec by its SDP name."""
    if name == "PCMU":
        return TableCodec("PCMU", 0, _ulaw_table())
    if name == "PCMA":
        return TableCodec("PCMA", 8, _alaw_table())
    if name == "G722":
        return AvCodec("G722", 9, 8000, 16000, "g722")
    if name == "opus":
        return AvCodec("opus", 111, 48000, 48000, "libopus", "opus")
    raise ValueError(name)


@dataclass
class Received:
    """What came in: packets in order of arrival."""

    sequence: list[int] = field(default_factory=list)
    arrival: list[float] = field(default_factory=list)
    audio: list[Samples] = field(default_factory=list)

    def samples(self) -> Samples:
        return np.concatenate(self.audio) if self.audio else np.zeros(0, np.int16)

    def lost(self) -> int:
        """Sequence numbers missing between the first and the last."""
        if not self.sequence:
            return 0
        unwrapped = np.unwrap(np.array(self.sequence, float), period=65536)
        return int(unwrapped.max() - unwrapped.min()) + 1 - len(set(unwrapped))


class RtpPort(asyncio.DatagramProtocol):
    """One party's media: sends a tone, keeps what it hears."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.received = Received()
        self.sent = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._sending: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, codec: Codec) -> RtpPort:
        loop = asyncio.get_running_loop()
        _, port = await loop.create_datagram_endpoint(lambda: cls(codec), local_addr=("127.0.0.1", 0))
        return port

    @property
    def port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        _, kind, sequence = struct.unpack_from("!BBH", data)
        if kind & 0x7F != self.codec.payload_type:
            return
        self.received.sequence.append(sequence)
        self.received.arrival.append(asyncio.get_running_loop().time())
        self.received.audio.append(self.codec.decode(data[12:]))

    def send_tone(self, target: tuple[str, int], frequency: float, dbfs: float = -12.0) -> None:
        """Send a tone from now on, one packet each 20 ms on an absolute schedule."""
        self._sending = asyncio.create_task(self._send(target, frequency, dbfs))

    async def _send(self, target: tuple[str, int], frequency: float, dbfs: float) -> None:
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        begin = loop.time()
        size = round(self.codec.rate * FRAME_SECONDS)
        while True:
            count = self.sent
            samples = tone(frequency, self.codec.rate, FRAME_SECONDS, dbfs=dbfs, start=count * size)
            stamp = count * round(self.codec.rtp_rate * FRAME_SECONDS)
            header = struct.pack("!BBHII", 0x80, self.codec.payload_type, count & 0xFFFF, stamp & 0xFFFFFFFF, 0x1234)
            self._transport.sendto(header + self.codec.encode(samples), target)
            self.sent += 1
            await asyncio.sleep(max(begin + self.sent * FRAME_SECONDS - loop.time(), 0))

    def listen_anew(self) -> None:
        """Forget what was heard so far."""
        self.received = Received()

    async def close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()
