"""A leg's states, and the table of what moves it from one to another.

ringing ── early media ──> early_media ── answered ──> connected <── hold / unhold ──> held
any of them ── ended ──> hung_up
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto


class LegState(StrEnum):
    """The wire names of the contract."""

    RINGING = "ringing"
    EARLY_MEDIA = "early_media"
    CONNECTED = "connected"
    HELD = "held"
    HUNG_UP = "hung_up"


class LegInput(Enum):
    """What happens to a leg."""

    EARLY_MEDIA = auto()
    ANSWERED = auto()
    HELD = auto()
    UNHELD = auto()
    ENDED = auto()


TRANSITIONS: dict[tuple[LegState, LegInput], LegState] = {
    (LegState.RINGING, LegInput.EARLY_MEDIA): LegState.EARLY_MEDIA,
    (LegState.RINGING, LegInput.ANSWERED): LegState.CONNECTED,
    (LegState.EARLY_MEDIA, LegInput.ANSWERED): LegState.CONNECTED,
    (LegState.CONNECTED, LegInput.HELD): LegState.HELD,
    (LegState.HELD, LegInput.UNHELD): LegState.CONNECTED,
    (LegState.RINGING, LegInput.ENDED): LegState.HUNG_UP,
    (LegState.EARLY_MEDIA, LegInput.ENDED): LegState.HUNG_UP,
    (LegState.CONNECTED, LegInput.ENDED): LegState.HUNG_UP,
    (LegState.HELD, LegInput.ENDED): LegState.HUNG_UP,
}
"""Every pair that moves a leg. All others leave it where it is: late and repeated inputs change nothing."""


def next_state(state: LegState, happened: LegInput) -> LegState | None:
    """The state that follows, or None when the input changes nothing in this state."""
    return TRANSITIONS.get((state, happened))
