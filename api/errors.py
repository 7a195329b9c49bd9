"""Errors to status codes: the one table, read by REST and VSI alike."""

from __future__ import annotations

import logging

from b2bua import errors

log = logging.getLogger(__name__)

STATUS: dict[type[Exception], int] = {
    errors.Invalid: 400,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.NotImplementedYet: 501,
    errors.LegroomError: 500,
}


def status_of(error: Exception) -> tuple[int, str]:
    """Status code and text for the client. What was not raised on purpose is logged and not shown."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind], str(error)
    log.error("a command failed unexpectedly", exc_info=error)
    return 500, "internal error"
