"""What we publish against the contract's own schemas: commands, results, routes and events, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.commands import COMMANDS
from api.schema import asyncapi, openapi
from api.table import Command
from b2bua.events import EVENTS, Event

CONTRACTS = Path(__file__).parents[2].parent / "shared" / "contracts"

LATER_AMD = "machine detection is refused with 501 in this version; the object is taken whole"
LATER_CHANNELS = "multi-channel recording is refused with 501 in this version"
REST_ONLY = "REST inserts it into every object; a VSI result has none (vsi-behaviour 1.4)"
MOVED = "a moved leg's rooms, as the behaviour page advises; clients ignore what they do not know"
UNDEFINED = "openapi.yaml refers to OfferedCodec and does not define it; the fields are those of vsi-behaviour 8.2"
NOT_IN_OPENAPI = "in the product and in VSI, forgotten in openapi.yaml (vsi-behaviour 9.1)"
EVENT_ID = "added early, as the behaviour page advises (vsi-behaviour 1.7)"

ALLOWED: dict[str, str] = {
    **{f"{event.type} event_id: contract absent, ours string": EVENT_ID for event in EVENTS},
    "list_legs result [].instance_id: contract string, ours absent": REST_ONLY,
    "get_leg result instance_id: contract string, ours absent": REST_ONLY,
    "create_leg result instance_id: contract string, ours absent": REST_ONLY,
    "list_rooms result [].instance_id: contract string, ours absent": REST_ONLY,
    "list_rooms result [].participants[].instance_id: contract string, ours absent": REST_ONLY,
    "get_room result instance_id: contract string, ours absent": REST_ONLY,
    "get_room result participants[].instance_id: contract string, ours absent": REST_ONLY,
    "set_leg_role result instance_id: contract string, ours absent": REST_ONLY,
    "create_room result instance_id: contract string, ours absent": REST_ONLY,
    "create_room result participants[].instance_id: contract string, ours absent": REST_ONLY,
    "create_leg payload amd.after_greeting_silence: contract integer, ours absent": LATER_AMD,
    "create_leg payload amd.beep_timeout: contract integer, ours absent": LATER_AMD,
    "create_leg payload amd.greeting_duration: contract integer, ours absent": LATER_AMD,
    "create_leg payload amd.initial_silence_timeout: contract integer, ours absent": LATER_AMD,
    "create_leg payload amd.minimum_word_length: contract integer, ours absent": LATER_AMD,
    "create_leg payload amd.total_analysis_time: contract integer, ours absent": LATER_AMD,
    "deaf_leg route: POST /legs/{id}/deaf is not in the contract": NOT_IN_OPENAPI,
    "undeaf_leg route: DELETE /legs/{id}/deaf is not in the contract": NOT_IN_OPENAPI,
    "add_leg_to_room result from: contract absent, ours string": MOVED,
    "add_leg_to_room result to: contract absent, ours string": MOVED,
    "room_record_stop result channels: contract object, ours absent": LATER_CHANNELS,
    "room_record_stop result channels{}.channel: contract integer required, ours absent": LATER_CHANNELS,
    "room_record_stop result channels{}.end_ms: contract integer required, ours absent": LATER_CHANNELS,
    "room_record_stop result channels{}.start_ms: contract integer required, ours absent": LATER_CHANNELS,
    "room_record_stop result multi_channel_file: contract string, ours absent": LATER_CHANNELS,
    "recording.finished channels: contract object, ours absent": LATER_CHANNELS,
    "recording.finished channels{}: contract any, ours absent": LATER_CHANNELS,
    "recording.finished multi_channel_file: contract string, ours absent": LATER_CHANNELS,
    "leg.ringing offered_codecs[]: contract any, ours absent": UNDEFINED,
    "leg.ringing offered_codecs[].clock_rate: contract absent, ours integer": UNDEFINED,
    "leg.ringing offered_codecs[].name: contract absent, ours string": UNDEFINED,
    "leg.ringing offered_codecs[].payload_type: contract absent, ours integer": UNDEFINED,
    "leg.ringing offered_codecs[].priority: contract absent, ours integer": UNDEFINED,
}
"""Differences that are meant, each with the reason. One that does not occur any more fails the test too."""

RENAMED = {"LegView": "Leg", "RoomView": "Room", "CreateRoomRequest": "RoomCreateRequest"}
"""Schemas that asyncapi.yaml refers to under names that openapi.yaml gives otherwise."""

Shape = dict[str, str]
"""Field path to its JSON type, with ` required` behind it where that is so."""


class Document:
    """A schema document and the one that it refers to."""

    def __init__(self, content: dict[str, Any], other: dict[str, Any] | None = None) -> None:
        self.content = content
        self.other = other

    def resolve(self, schema: dict[str, Any]) -> tuple[Document, dict[str, Any]]:
        """Follow references, and merge what is combined by allOf."""
        if "$ref" in schema:
            file, _, path = schema["$ref"].partition("#/components/schemas/")
            if not file:
                # OfferedCodec and ChannelInfo are referred to in openapi.yaml and not defined there.
                return self.resolve(self.content["components"]["schemas"].get(path, {}))
            assert self.other is not None
            return Document(self.other).resolve({"$ref": f"#/components/schemas/{RENAMED.get(path, path)}"})
        if "allOf" in schema:
            parts = [self.resolve(part)[1] for part in schema["allOf"]]
            properties = {name: field for part in parts for name, field in part.get("properties", {}).items()}
            return self, {
                "type": "object",
                "properties": properties,
                "required": [name for part in parts for name in part.get("required", [])],
            }
        return self, schema

    def shape(self, schema: dict[str, Any], where: str = "") -> Shape:
        """A schema's fields, nested ones by path."""
        document, found = self.resolve(schema)
        if "items" in found:
            return document.shape(found["items"], f"{where}[]")
        if isinstance(found.get("additionalProperties"), dict):
            return document.shape(found["additionalProperties"], f"{where}{{}}")
        fields: Shape = {}
        for name, field in found.get("properties", {}).items():
            path = f"{where}.{name}" if where else name
            needed = " required" if name in found.get("required", []) else ""
            fields[path] = document.kind(field) + needed
            fields.update(document.shape(field, path))
        if where and not fields and "properties" not in found and where[-1] in "]}":
            fields[where] = document.kind(found)
        return fields

    def kind(self, schema: dict[str, Any]) -> str:
        """The JSON type; a constant is of its value's."""
        found = self.resolve(schema)[1]
        if "const" in found:
            return "string"
        return str(found.get("type", "any"))


@pytest.fixture(scope="module")
def theirs() -> tuple[Document, Document]:
    """The contract's AsyncAPI and OpenAPI."""
    if not CONTRACTS.is_dir():
        pytest.skip("the contract files are not part of the repository")
    rest = yaml.safe_load((CONTRACTS / "vsi-openapi.yaml").read_text())
    return Document(yaml.safe_load((CONTRACTS / "vsi-asyncapi.yaml").read_text()), rest), Document(rest)


@pytest.fixture(scope="module")
def ours() -> tuple[Document, Document]:
    return Document(asyncapi("0")), Document(openapi("0"))


def compared(where: str, theirs: Shape, ours: Shape) -> Iterator[str]:
    """A line for each field that is not the same."""
    for name in sorted({*theirs, *ours}):
        if theirs.get(name) != ours.get(name):
            yield f"{where} {name}: contract {theirs.get(name, 'absent')}, ours {ours.get(name, 'absent')}"


def command_shapes(document: Document, name: str, message: str) -> tuple[Shape, Shape]:
    """A command's payload and its result."""
    messages = document.content["components"]["messages"]
    payload = messages[name]["payload"]["properties"]["payload"]
    data = messages[message]["payload"]["properties"]["data"]
    return document.shape(payload), document.shape(data)


def command_differences(theirs: Document, ours: Document, command: Command) -> Iterator[str]:
    contract = command_shapes(theirs, command.name, f"{command.name}Result")
    own = command_shapes(ours, command.name, f"{command.name}.result")
    for part, expected, given in zip(("payload", "result"), contract, own, strict=True):
        yield from compared(f"{command.name} {part}", expected, given)


def route_differences(theirs: Document, command: Command) -> Iterator[str]:
    operation = theirs.content["paths"].get(command.path, {}).get(command.method.lower())
    route = f"{command.method} {command.path}"
    if operation is None:
        yield f"{command.name} route: {route} is not in the contract"
        return
    success = sorted(status for status in operation["responses"] if status.startswith("2"))
    if success != [str(command.status)]:
        yield f"{command.name} status: contract {' '.join(success)}, ours {command.status}"


def event_shape(document: Document, event: type[Event]) -> Shape:
    hook = document.content["x-webhooks"][event.type]
    schema = hook["post"]["requestBody"]["content"]["application/json"]["schema"]
    return {name: kind.removesuffix(" required") for name, kind in document.shape(schema).items()}


def differences(theirs: tuple[Document, Document], ours: tuple[Document, Document]) -> Iterator[str]:
    for command in COMMANDS:
        yield from command_differences(theirs[0], ours[0], command)
        yield from route_differences(theirs[1], command)
    for event in EVENTS:
        yield from compared(event.type, event_shape(theirs[1], event), event_shape(ours[1], event))


def test_nothing_differs_from_the_contract_that_is_not_meant_to(
    theirs: tuple[Document, Document], ours: tuple[Document, Document]
) -> None:
    """Every command's payload, result, route and status, and every event's fields."""
    assert sorted(set(differences(theirs, ours)) - set(ALLOWED)) == []


def test_every_difference_that_is_meant_is_there(
    theirs: tuple[Document, Document], ours: tuple[Document, Document]
) -> None:
    """An exception that is not needed any more is to be removed."""
    assert sorted(set(ALLOWED) - set(differences(theirs, ours))) == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_comparison_sees_the_contracts_fields(theirs: tuple[Document, Document], command: Command) -> None:
    """Each result has some, so an empty comparison cannot pass for an equal one."""
    _, result = command_shapes(theirs[0], command.name, f"{command.name}Result")
    assert result


def test_a_difference_is_noticed() -> None:
    """A type, a missing field, one too many, and one that is not required."""
    first = {"a": "string", "b": "integer", "c": "string required"}
    second = {"a": "number", "c": "string", "d": "object"}
    assert list(compared("x", first, second)) == [
        "x a: contract string, ours number",
        "x b: contract integer, ours absent",
        "x c: contract string required, ours string",
        "x d: contract absent, ours object",
    ]
