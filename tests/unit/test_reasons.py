"""b2bua.reasons: why a leg ended, and how SIP says it."""

from __future__ import annotations

import pytest

from b2bua.reasons import REJECTION_WITHOUT_REASON, REJECTIONS, EndReason, SipEnding, reason_of

CONTRACT_REJECTIONS = {
    "busy": 486,
    "declined": 603,
    "rejected": 603,
    "unavailable": 480,
    "not_found": 404,
    "forbidden": 403,
    "server_error": 500,
}


def ended(
    code: int, *, inbound: bool = False, confirmed: bool = False, answered: bool = False, heard: bool = True
) -> str:
    return reason_of(SipEnding(inbound=inbound, confirmed=confirmed, answered=answered, code=code, heard=heard))


def test_rejections_are_the_contracts() -> None:
    """Each word a client may give, with its final response; all of them 300 or above."""
    assert {reason.value: code for reason, code in REJECTIONS.items()} == CONTRACT_REJECTIONS
    assert REJECTION_WITHOUT_REASON == 480


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (401, "unauthorized"),
        (407, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (408, "timeout"),
        (480, "unavailable"),
        (486, "busy"),
        (487, "cancelled"),
        (488, "not_acceptable"),
        (503, "service_unavailable"),
        (603, "declined"),
        (302, "sip_302"),
        (420, "sip_420"),
        (500, "sip_500"),
        (600, "sip_600"),
    ],
)
def test_a_refused_invite_is_named_after_its_final_response(code: int, reason: str) -> None:
    """Named where the contract has a name, `sip_<code>` otherwise."""
    assert ended(code) == reason


@pytest.mark.parametrize("code", [408, 502, 503])
def test_an_invite_that_nobody_answered_has_failed(code: int) -> None:
    """Whatever code the stack made up for the silence."""
    assert ended(code, heard=False) == "invite_failed"


def test_an_outbound_call_whose_answer_was_no_use_has_not_connected() -> None:
    """Answered, but the dialog never stood."""
    assert ended(488, answered=True) == "connect_failed"


@pytest.mark.parametrize("inbound", [True, False])
@pytest.mark.parametrize(("code", "reason"), [(200, "remote_bye"), (481, "remote_bye"), (408, "session_expired")])
def test_a_confirmed_call_ends_by_the_far_end(inbound: bool, code: int, reason: str) -> None:
    """By its BYE, or because its session timer ran out."""
    assert ended(code, inbound=inbound, confirmed=True, answered=True) == reason


@pytest.mark.parametrize(
    ("code", "answered", "reason"),
    [(487, False, "caller_cancel"), (487, True, "connect_failed"), (408, True, "connect_failed"),
     (488, False, "connect_failed")],
)  # fmt: skip
def test_an_inbound_call_that_never_stood_was_cancelled_or_failed(code: int, answered: bool, reason: str) -> None:
    """A CANCEL counts only before the answer; a missing ACK is a failure."""
    assert ended(code, inbound=True, answered=answered) == reason


def test_every_reason_of_our_own_is_a_snake_case_word() -> None:
    """They are wire names."""
    assert all(reason.value.replace("_", "").isalpha() and reason.value.islower() for reason in EndReason)
