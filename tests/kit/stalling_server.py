"""`legroom serve` that holds the GIL for half a second whenever it gets SIGUSR1: no Python thread runs meanwhile."""

from __future__ import annotations

import ctypes
import signal
import sys

from api.cli import main

STALL_US = 500_000


def stall(*_: object) -> None:
    # PyDLL keeps the GIL during the call, CDLL would not.
    ctypes.PyDLL(None).usleep(STALL_US)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, stall)
    sys.exit(main(["serve"]))
