"""From JSON to a command's result: the one way in, whichever door it came by."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from api.table import Command, Outcome
from b2bua.core import Core
from b2bua.errors import Invalid

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object that a client sent. Raises Invalid for anything else.

    Half a surrogate pair is refused too: JSON can spell it, but UTF-8 cannot carry it on to other clients.
    """
    try:
        parsed = json.loads(text)
        if not isinstance(parsed, dict):
            raise Invalid("invalid JSON: expected an object")
        spelled = text if isinstance(text, str) else text.decode("latin-1")
        if _SURROGATE.search(spelled):
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Invalid("invalid JSON") from error
    return parsed


async def perform(core: Core, command: Command, payload: object) -> Any:
    """Validate, perform, and return the result as plain JSON data. Raises LegroomError."""
    try:
        checked = command.payload.model_validate({} if payload is None else payload)
    except ValidationError as error:
        raise Invalid(f"invalid payload: {explain(error)}") from error
    # A client that goes away in the middle must not leave half of it done.
    return plain(await core.tasks.see_through(command.perform(core, checked)))


def plain(outcome: Outcome) -> Any:
    """A result as JSON data, what is None left out."""
    if outcome is None:
        return None
    if isinstance(outcome, list):
        return [plain(item) for item in outcome]
    return outcome.model_dump(mode="json", by_alias=True, exclude_none=True)


def explain(error: ValidationError) -> str:
    """What was wrong with which field, in one line."""
    problems = []
    for problem in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in problem["loc"])
        problems.append(f"{where}: {problem['msg']}" if where else str(problem["msg"]))
    return "; ".join(problems)


def merge(body: dict[str, Any] | None, path: Mapping[str, str], command: Command) -> dict[str, Any]:
    """A REST body with the path's parts put in, all under the names of the payload's fields."""
    renamed = {command.body_fields.get(key, key): value for key, value in (body or {}).items()}
    return {**renamed, **{command.parameters[name]: value for name, value in path.items()}}
