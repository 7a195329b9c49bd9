"""`legroom call`: a test caller that people can use. The server's own SIP engine and mixer, for one call."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import wave
from pathlib import Path

import numpy as np

from b2bua.dialing import OutboundCall, check, dial_request
from b2bua.errors import Invalid
from b2bua.quality import quality
from b2bua.reasons import reason_of
from b2bua.sip import notices
from b2bua.sip.config import SipConfig
from b2bua.sip.engine import SipEngine
from media._bridge import RingPort, StreamPort
from media.mixer import Mixer, PortName
from media.recorder import Recorder, Tap
from media.wav import STAGING, Samples

RATE = 48000
"""The mixer runs at the highest rate, so that no codec loses anything."""
STREAM, PLAYER, TAP = PortName("stream"), PortName("player"), PortName("tap")
REFILL_SECONDS = 0.1


def read_wav(path: Path) -> tuple[int, Samples]:
    """Rate and mono samples of a 16-bit PCM WAV file. Raises Invalid."""
    try:
        with wave.open(str(path)) as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) if width == 2 else None
    except (OSError, EOFError, wave.Error) as error:
        raise Invalid(f"{path} cannot be played: {error}") from error
    if samples is None or rate not in {8000, 16000, 24000, 32000, 48000}:
        raise Invalid(
            f"{path} must be 16-bit PCM at 8000, 16000, 24000, 32000 or 48000 Hz; it is {8 * width}-bit at {rate} Hz"
        )
    return rate, samples.reshape(-1, channels).mean(axis=1).astype(np.int16)


def recording_to(path: Path) -> Tap:
    """A recording that will appear at `path`. Raises Invalid, before anybody is called."""
    staged = path.parent / STAGING / path.name
    if path.exists():
        raise Invalid(f"{path} exists already")
    if staged.exists():
        raise Invalid(f"another call records to {path}, or was killed while it did; if so, remove {staged}")
    try:
        return Tap(path, RATE)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}") from error


class TestCall:
    """One call from dialling to its end."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.notices: asyncio.Queue[notices.Notice] = asyncio.Queue()
        config = SipConfig(
            bind_ip=options.bind,
            port=0,
            tcp="transport=tcp" in options.uri.lower(),
            rtp_port_min=20000,
            rtp_port_max=30000,
            codecs=("opus", "G722", "PCMU", "PCMA", "G729", "AMR-WB", "AMR"),
            user_agent="legroom-call",
        )
        self.engine = SipEngine(config, self.notices.put_nowait)
        self.mixer = Mixer(RATE)
        self.recorder = Recorder()
        self.playing: asyncio.Task[None] | None = None
        self.tap: Tap | None = None

    async def run(self, audio: tuple[int, Samples] | None) -> int:
        """Returns the exit code: 0 for a call that was answered."""
        request = self._request()
        uri = check(request)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.recorder.close)
            stack.callback(self.mixer.close)
            if self.options.record is not None:
                self.tap = recording_to(self.options.record)
            await self.engine.start()
            stack.push_async_callback(self.engine.stop)
            stack.push_async_callback(self._stop_media)
            number = self.engine.new_number()
            await self.engine.dial(number, await dial_request(request, uri, self.engine.config))
            print(f"calling {request.to}")
            deadline = asyncio.get_running_loop().call_later(request.ring_timeout, self._hang_up, number)
            while True:
                notice = await self.notices.get()
                match notice:
                    case notices.StreamUp(port=port):
                        self._connect(port)
                    case notices.StreamDown():
                        self.mixer.leave(STREAM)
                    case notices.Answered():
                        deadline.cancel()
                        print("answered")
                        self._start_media(number, audio)
                    case notices.Ended():
                        deadline.cancel()
                        return self._report(notice)

    def _request(self) -> OutboundCall:
        headers = {}
        for text in self.options.header:
            name, colon, value = text.partition(":")
            if not colon:
                raise Invalid(f'--header must be NAME:VALUE, not "{text}"')
            headers[name.strip()] = value.strip()
        return OutboundCall(
            to=self.options.uri,
            from_=self.options.from_,
            codecs=[self.options.codec] if self.options.codec else [],
            headers=headers,
            ring_timeout=self.options.ring_timeout,
        )

    def _connect(self, port: StreamPort) -> None:
        self.mixer.join(STREAM, port)
        self.mixer.apply("call", {(PLAYER, STREAM): 1.0, (STREAM, TAP): 1.0})

    def _start_media(self, number: notices.CallNumber, audio: tuple[int, Samples] | None) -> None:
        if self.tap is not None:
            self.mixer.join(TAP, self.tap.port, speaks=False)
            self.recorder.start(self.tap)
        self.playing = asyncio.create_task(self._play(number, audio))

    async def _play(self, number: notices.CallNumber, audio: tuple[int, Samples] | None) -> None:
        if audio is not None:
            rate, samples = audio
            player = RingPort(rate, 0, 1000)
            self.mixer.join(PLAYER, player)
        self.mixer.apply("call", {(PLAYER, STREAM): 1.0, (STREAM, TAP): 1.0})
        loop = asyncio.get_running_loop()
        end = loop.time() + self.options.seconds if self.options.seconds else None
        position = 0
        while end is None or loop.time() < end:
            if audio is not None:
                position += player.write(samples[position:])
                finished = position == len(samples) and player.writable >= rate - rate // 50
                if end is None and finished:
                    break
            elif end is None and self.options.record is None:
                break
            await asyncio.sleep(REFILL_SECONDS)
        self._hang_up(number)

    def _hang_up(self, number: notices.CallNumber) -> None:
        self.hanging_up = asyncio.create_task(self.engine.end(number))

    async def _stop_media(self) -> None:
        if self.playing is not None:
            self.playing.cancel()
            await asyncio.gather(self.playing, return_exceptions=True)
        if self.tap is None:
            return
        self.mixer.leave(TAP)
        path = await self.recorder.finish(self.tap)
        if path is not None:
            print(f"recorded {path}")
        with contextlib.suppress(OSError):  # other calls may be recording in the same folder
            (self.options.record.parent / STAGING).rmdir()

    def _report(self, ended: notices.Ended) -> int:
        answered = ended.ending.confirmed
        print(f"ended: {'call complete' if answered else reason_of(ended.ending)} ({ended.ending.code})")
        heard = quality(ended.statistics)
        if heard is not None:
            print(
                f"received {heard.rtp_packets_received} packets, lost {heard.rtp_packets_lost}, "
                f"jitter {heard.rtp_jitter_ms} ms, MOS {heard.mos_score}"
            )
        return 0 if answered else 1


async def run_call(options: argparse.Namespace) -> int:
    """Place the call that the command line asks for. Raises LegroomError."""
    audio = read_wav(options.play) if options.play is not None else None
    try:
        return await TestCall(options).run(audio)
    except OSError as error:
        print(f"legroom: {error} ({options.uri})", file=sys.stderr)
        return 1
