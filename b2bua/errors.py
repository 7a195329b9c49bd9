"""Why an operation is refused. The edge maps each class to one status code (api/errors.py).

LegroomError
├── Invalid            the request cannot be right, whatever the state
├── NotFound           it names something that is not there
├── Conflict           right in itself, but not in this state
├── NotImplementedYet  the contract has it, this version does not
├── Failed             it was tried and did not work
└── StartError         the server cannot start
"""

from __future__ import annotations


class LegroomError(Exception):
    """Base of all errors that Legroom raises on purpose. The text is meant for the client."""


class Invalid(LegroomError):
    """The request cannot be right: a field's value, a combination, the wrong kind of leg."""


class NotFound(LegroomError):
    """It names a leg, room or recording that does not exist."""

    def __init__(self, kind: str, identifier: str) -> None:
        super().__init__(kind, identifier)
        self.kind = kind
        self.identifier = identifier

    def __str__(self) -> str:
        return f"{self.kind} not found: {self.identifier}" if self.identifier else f"{self.kind} not found: no id given"


class Conflict(LegroomError):
    """Not in this state: answered already, recording already, room exists already."""


class NotImplementedYet(LegroomError):
    """A part of the contract that this version does not do. Refused aloud instead of ignored."""


class Failed(LegroomError):
    """It was tried and did not work."""


class StartError(LegroomError):
    """The server cannot start: a port in use, a bad address, a folder that cannot be written."""
