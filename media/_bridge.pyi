"""The C++ extension: conference bridges, the ports in them, and pjsua's two seams. Audio is int16 mono unless said.

Nothing here takes the GIL on an audio thread; every method may be called from any Python thread.
"""

from typing import final

import numpy as np
import numpy.typing as npt

DRAIN: int
"""The slot of every bridge that takes audio to nowhere. A stream without listeners is connected to it, or its jitter
buffer would fill and be heard late."""

FRAME_MS: int
"""Length of a tick and of a frame, in ms."""

class PjError(RuntimeError):
    """A pjlib call failed; the text says which and why."""

class Port:
    """Something that can be in a bridge. In at most one at a time: adding it to another moves it there."""

    @property
    def rate(self) -> int:
        """Hz."""

@final
class RingPort(Port):
    """A port that Python reads (what the bridge plays to it) and writes (what it plays to the bridge).

    `read_ms` and `write_ms` are the depths of its two rings; 0 leaves that direction out. One Python thread may read
    and one may write. Raises ValueError for a rate that has no whole 20 ms frame.
    """

    def __init__(self, rate: int, read_ms: int = 1000, write_ms: int = 1000) -> None: ...
    def read(self, most: int | None = None) -> npt.NDArray[np.int16]:
        """Take what is there, at most `most` samples. Never waits; the block may be empty."""

    def write(self, samples: npt.NDArray[np.int16]) -> int:
        """Put samples (one-dimensional int16) to be played; returns how many fitted. Never waits."""

    @property
    def readable(self) -> int:
        """Samples that read() would return."""

    @property
    def writable(self) -> int:
        """Samples that write() would take."""

    @property
    def overrun_samples(self) -> int:
        """Samples that the bridge played and that were lost because nobody read in time."""

    @property
    def underruns(self) -> int:
        """Times that the written audio ran out in mid-flow."""

@final
class StreamPort(Port):
    """The port of a SIP call's RTP stream, taken from pjsua by take_stream_port()."""

    def detach(self) -> None:
        """Touch the stream no more. Call it before the stream is destroyed; the port is silent from then on."""

@final
class Bridge:
    """A conference bridge: mixes 20 ms frames on a clock thread of its own. Mono, at 8000, 16000 or 48000 Hz.

    Ports are named by slots. Changes take effect at the next tick, in order. Raises ValueError for arguments that
    cannot be right (rate, slot, gain) and PjError when pjmedia refuses.
    """

    def __init__(self, rate: int, workers: int = 1, max_ports: int = 2304) -> None: ...
    def add(self, port: Port) -> int:
        """Put a port into a free slot and return the slot. Other rates than the bridge's are resampled."""

    def remove(self, slot: int) -> None:
        """Take the port out, with all its connections."""

    def connect(self, source: int, sink: int, gain: float = 1.0) -> None:
        """Let `sink` hear `source`. `gain` is linear, 0 to 16."""

    def disconnect(self, source: int, sink: int) -> None: ...
    def set_gain(self, source: int, sink: int, gain: float) -> None:
        """Change the gain of a connection."""

    def levels(self, slot: int) -> tuple[int, int]:
        """Mean level last heard from the slot and last played to it, 0 to 255 on a logarithmic scale."""

    def statistics(self) -> dict[str, int]:
        """Ticks so far: `count`; `late` by more than 5 ms; `jumps` of the schedule; `worst_us` lateness; `busy_us`
        spent mixing in all; `longest_us` single tick."""

    def fileno(self) -> int:
        """An eventfd that becomes readable at each tick; -1 once closed."""

    def close(self) -> None:
        """Stop the clock and let all ports go. May be called twice."""

    @property
    def ports(self) -> int:
        """Ports in the bridge now."""

    @property
    def rate(self) -> int:
        """Hz."""

@final
class Waker:
    """Ends the wait in Endpoint.libHandleEvents(). Made and closed on the SIP thread, after libInit."""

    def __init__(self) -> None: ...
    def wake(self) -> None:
        """From any thread. Wakes that come before the thread has run again count once."""

    def close(self) -> None: ...

def take_stream_port(param: int) -> StreamPort:
    """Inside Call.onStreamCreated(prm): take the stream's port; `param` is int(prm.this). pjsua gets a silent one."""

def answer_unhandled_requests() -> None:
    """Answer 481 or 405 to requests that pjsua would drop (RFC 3261 sections 8.2.1 and 12.2.2). Once, after libInit."""

def register_thread() -> None:
    """Make the calling thread known to pjlib. The SIP thread does this before Endpoint.libCreate()."""

def capture_log(level: int) -> None:
    """Keep pjlib's log lines up to `level` (0 off … 5 everything) for drain_log() instead of printing them."""

def drain_log() -> list[tuple[int, bytes]]:
    """The lines logged since the last call, each with its level. Lines beyond 2,000 are counted and dropped.

    Lines quote what peers sent, which need not be UTF-8.
    """
