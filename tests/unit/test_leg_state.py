"""b2bua.leg_state: the table of a leg's states."""

from __future__ import annotations

import itertools

import pytest

from b2bua.leg_state import TRANSITIONS, LegInput, LegState, next_state

MOVES = {
    ("ringing", LegInput.EARLY_MEDIA, "early_media"),
    ("ringing", LegInput.ANSWERED, "connected"),
    ("early_media", LegInput.ANSWERED, "connected"),
    ("connected", LegInput.HELD, "held"),
    ("held", LegInput.UNHELD, "connected"),
    ("ringing", LegInput.ENDED, "hung_up"),
    ("early_media", LegInput.ENDED, "hung_up"),
    ("connected", LegInput.ENDED, "hung_up"),
    ("held", LegInput.ENDED, "hung_up"),
}


@pytest.mark.parametrize(("state", "happened"), list(itertools.product(LegState, LegInput)))
def test_each_pair_moves_the_leg_as_the_contract_says_or_not_at_all(state: LegState, happened: LegInput) -> None:
    """Every state and input: late and repeated inputs change nothing."""
    expected = [after for before, event, after in MOVES if (before, event) == (state.value, happened)]
    following = next_state(state, happened)
    assert ([] if following is None else [following.value]) == expected


def test_hung_up_is_final() -> None:
    """Nothing leads out of it."""
    assert all(before is not LegState.HUNG_UP for before, _ in TRANSITIONS)


def test_every_state_can_be_reached_and_can_end() -> None:
    """No dead ends, no islands."""
    assert {LegState.RINGING, *TRANSITIONS.values()} == set(LegState)
    assert all(next_state(state, LegInput.ENDED) for state in LegState if state is not LegState.HUNG_UP)
