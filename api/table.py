"""What a command is. The table itself is in `commands.py`; VSI, REST and the schemas all read it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from api.models import Payload, Result
from b2bua.core import Core


class Body(Enum):
    """How REST reads a request body (vsi-behaviour 9.1)."""

    NONE = auto()
    """Not read at all."""
    OPTIONAL = auto()
    """May be missing; a bad one is refused."""
    TOLERANT = auto()
    """May be missing; a bad one counts as missing."""
    NEEDED = auto()
    """Must be there and be right."""


Outcome = Result | list[Result] | None
Perform = Callable[[Core, Any], Awaitable[Outcome]]


@dataclass(frozen=True, kw_only=True)
class Command:
    """One operation that a client can ask for: everything about it, in one place."""

    name: str
    """VSI name."""
    summary: str
    payload: type[Payload]
    result: type[Result]
    many: bool = False
    """The result is a list of `result`."""
    method: str
    path: str
    """REST path below /v1; `{name}` takes the path's part."""
    path_fields: Mapping[str, str] = field(default_factory=dict)
    """Path parameter to payload field, where their names differ."""
    body_fields: Mapping[str, str] = field(default_factory=dict)
    """Body key to payload field, where REST calls it something else."""
    status: int = 200
    """HTTP status of success."""
    body: Body = Body.NONE
    perform: Perform = field(repr=False)

    @property
    def parameters(self) -> dict[str, str]:
        """Path parameter to payload field, all of them, in the path's order."""
        names = [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
        return {name: self.path_fields.get(name, name) for name in names}
