"""b2bua.errors and api.errors: what is refused, and the status that each refusal has at the edge."""

from __future__ import annotations

import logging

import pytest

from api.errors import STATUS, status_of
from b2bua import errors


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (errors.Invalid("no such codec"), 400, "no such codec"),
        (errors.NotFound("leg", "7"), 404, "leg not found: 7"),
        (errors.NotFound("room", ""), 404, "room not found: no id given"),
        (errors.Conflict("answered already"), 409, "answered already"),
        (errors.NotImplementedYet("later"), 501, "later"),
        (errors.Failed("disk full"), 500, "disk full"),
        (errors.LegroomError("other"), 500, "other"),
    ],
)
def test_an_error_raised_on_purpose_tells_the_client_why(error: errors.LegroomError, status: int, text: str) -> None:
    """With the status of its class, or of the nearest class above it."""
    assert status_of(error) == (status, text)


def test_any_other_error_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """It may hold what is no client's business."""
    with caplog.at_level(logging.ERROR):
        assert status_of(ValueError("secret")) == (500, "internal error")
    assert "secret" in caplog.text


def test_every_error_has_a_status() -> None:
    """All have one base."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) == 7
    assert all(issubclass(kind, errors.LegroomError) for kind in kinds)
    assert all(any(base in STATUS for base in kind.__mro__) for kind in kinds)
