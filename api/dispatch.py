"""From JSON to a command's result: the one way in, whichever door it came by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from api.table import Command, Outcome
from b2bua.core import Core
from b2bua.errors import Invalid


async def perform(core: Core, command: Command, payload: object) -> Any:
    """Validate, perform, and return the result as plain JSON data. Raises LegroomError."""
    try:
        checked = command.payload.model_validate({} if payload is None else payload)
    except ValidationError as error:
        raise Invalid(f"invalid payload: {explain(error)}") from error
    return plain(await command.perform(core, checked))


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


def merge(body: object, path: Mapping[str, str], parameters: Mapping[str, str]) -> object:
    """A REST body with the path's parts put in as the payload fields they stand for."""
    named = {parameters[name]: value for name, value in path.items()}
    if body is None:
        return named
    return {**body, **named} if isinstance(body, dict) else body
