"""Recording: taps in the bridges, drained into files by one thread.

The tap is a ring that the bridge fills in C; the thread looks every 100 ms. A ring holds seconds, so neither a busy
event loop nor a slow disk is heard in the file. What was lost all the same is silence of the same length.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from pathlib import Path

from media._bridge import RingPort
from media.wav import WavWriter

log = logging.getLogger(__name__)

DRAIN_SECONDS = 0.1
TAP_MS = 5000
"""How long the disk may stall before samples are lost (and replaced by silence)."""


class Tap:
    """A mono recording in progress: the port that hears, and the file that it goes to."""

    def __init__(self, path: Path, rate: int) -> None:
        """Raises OSError when the file cannot be made."""
        self.port = RingPort(rate, TAP_MS, 0)
        self.writer = WavWriter(path, rate)
        self.error: OSError | None = None
        """Why the file could not be written to the end."""
        self._lost = 0

    def drain(self) -> None:
        """Move what has been heard into the file."""
        if self.error is not None:
            self.port.read()
            return
        try:
            self.writer.write(self.port.read())
            # Samples are only lost while the ring is full, so they are missing behind what was just read.
            lost = self.port.overrun_samples
            if lost > self._lost:
                self.writer.write_silence(lost - self._lost)
                log.warning("recording %s: %d samples lost to a slow disk", self.writer.path, lost - self._lost)
                self._lost = lost
        except OSError as error:
            self.error = error
            log.error("recording %s stopped: %s", self.writer.path, error)

    def finish(self) -> Path | None:
        """Write the rest and publish; None when there is nothing to publish. Raises OSError."""
        self.drain()
        if self.error is not None and self.writer.frames == 0:
            raise self.error
        if self.writer.frames == 0:
            self.writer.discard()
            return None
        return self.writer.publish()


class Recorder:
    """The thread that drains all taps. Methods are called on the event loop's thread and never block it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taps: set[Tap] = set()
        self._finishing: list[tuple[Tap, concurrent.futures.Future[Path | None]]] = []
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def start(self, tap: Tap) -> None:
        """Drain `tap` from now on."""
        with self._lock:
            self._taps.add(tap)

    async def finish(self, tap: Tap) -> Path | None:
        """Complete and publish the file; returns where it is, or None when nothing was heard.

        Raises OSError when it could not be published.
        """
        if self._stopping:
            raise OSError("the recorder has stopped")
        done: concurrent.futures.Future[Path | None] = concurrent.futures.Future()
        with self._lock:
            self._taps.discard(tap)
            self._finishing.append((tap, done))
        self._wake.set()
        return await asyncio.wrap_future(done)

    async def close(self) -> None:
        """End the thread. Taps still running are left staged, to be repaired at the next start."""
        self._stopping = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join)
        for tap in self._taps:
            tap.drain()
            tap.writer.abandon()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(DRAIN_SECONDS)
            self._wake.clear()
            self._turn()
        self._turn()

    def _turn(self) -> None:
        with self._lock:
            taps = tuple(self._taps)
            finishing, self._finishing = self._finishing, []
        for tap in taps:
            try:
                tap.drain()
            except Exception:  # this recording ends here, the others go on
                log.exception("recording %s failed", tap.writer.path)
                with self._lock:
                    self._taps.discard(tap)
        for tap, done in finishing:
            self._finish(tap, done)

    def _finish(self, tap: Tap, done: concurrent.futures.Future[Path | None]) -> None:
        awaited = done.set_running_or_notify_cancel()
        try:
            path = tap.finish()  # completed even when nobody waits any more
        except Exception as error:
            if awaited:
                done.set_exception(error)
            else:
                log.exception("recording %s could not be completed", tap.writer.path)
        else:
            if awaited:
                done.set_result(path)
