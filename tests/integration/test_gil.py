"""Python may stall for half a second and no call hears it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import numpy as np

from tests.integration.conftest import MakePhone
from tests.integration.test_two_party_room import join
from tests.kit.server import running
from tests.kit.signal import gaps
from tests.kit.waiting import eventually

STALLS = 3
STALL_PACKETS = 25
LONGEST_GAP_MS = 10
"""A tone passes through zero: below the threshold for less than this."""


async def test_a_stalled_interpreter_is_not_heard(tmp_path: Path, phone: MakePhone) -> None:
    """With the GIL held for 500 ms, three times, the far end loses no packet and hears no gap."""
    program = [sys.executable, "-m", "tests.kit.stalling_server"]
    async with running(tmp_path, program) as server, server.vsi() as vsi:
        caller, callee = await phone("PCMU"), await phone("G722")
        await join(server, vsi, caller, callee, "lobby")
        caller.send_tone(440.0)
        callee.send_tone(1000.0)
        await eventually(lambda: "" if len(callee.media.received.audio) > 50 else "no audio yet")
        for party in (caller, callee):
            party.media.listen_anew()

        for _ in range(STALLS):
            # The packets of one stall and as many after it.
            wanted = len(callee.media.received.audio) + 2 * STALL_PACKETS
            server.process.send_signal(signal.SIGUSR1)
            await eventually(lambda wanted=wanted: "" if len(callee.media.received.audio) >= wanted else "RTP stopped")  # type: ignore[misc]  # mypy cannot infer lambdas with defaults

        for party in (caller, callee):
            assert party.media.received.lost() == 0
            assert max(gaps(party.media.received.samples(), party.media.codec.rate), default=0) <= LONGEST_GAP_MS
            longest_silence = np.max(np.diff(party.media.received.arrival))
            # Half a stall: this process may itself be late to look, on a busy machine.
            assert longest_silence < 0.25, f"{longest_silence:.3f} s without RTP"
        await caller.bye()
