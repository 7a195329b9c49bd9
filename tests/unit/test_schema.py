"""api.schema: OpenAPI and AsyncAPI out of the command table and the events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.commands import COMMANDS
from api.schema import FRAMES, asyncapi, event_fields, event_schema, model_schema, openapi
from api.table import Body, Command
from b2bua.events import EVENTS, Cdr, Event, LegDisconnected, LegRinging, OfferedCodec, Published, RoomCreated

DOCUMENTS = {"openapi": openapi("1.2.3"), "asyncapi": asyncapi("1.2.3")}


def references(part: Any) -> Iterator[str]:
    """Every $ref below."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for item in part:
            yield from references(item)


def resolve(document: Any, reference: str) -> Any:
    assert reference.startswith("#/")
    for key in reference[2:].split("/"):
        document = document[key]
    return document


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_reference_leads_somewhere(name: str) -> None:
    """Within the document."""
    found = set(references(DOCUMENTS[name]))
    assert found
    for reference in found:
        assert resolve(DOCUMENTS[name], reference)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_schema_is_a_json_schema(name: str) -> None:
    """Without pydantic's nulls and titles, and without our own marks."""
    for schema in DOCUMENTS[name]["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert not re.search(r"'title':|x-required|'null'", str(DOCUMENTS[name]["components"]["schemas"]))
    assert DOCUMENTS[name]["info"]["version"] == "1.2.3"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_is_a_rest_operation(command: Command) -> None:
    """With its path parameters, its success status, and a body where one is read, less what the path says."""
    operation = DOCUMENTS["openapi"]["paths"][command.path][command.method.lower()]
    assert str(command.status) in operation["responses"]
    named = [parameter["name"] for parameter in operation.get("parameters", [])]
    assert named == re.findall(r"{(\w+)}", command.path)
    assert ("requestBody" in operation) is (command.body is not Body.NONE)
    if command.body is not Body.NONE:
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        fields = {field.alias or name for name, field in command.payload.model_fields.items()}
        keys = {command.body_fields.get(key, key) for key in body["properties"]}
        assert keys == fields - set(command.parameters.values())
        assert set(body.get("required", [])) <= set(body["properties"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_is_a_vsi_message_and_so_is_its_result(command: Command) -> None:
    """A list command's data is an array."""
    messages = DOCUMENTS["asyncapi"]["components"]["messages"]
    assert messages[command.name]["payload"]["properties"]["type"] == {"const": command.name}
    data = messages[f"{command.name}.result"]["payload"]["properties"]["data"]
    assert (data.get("type") == "array") is command.many
    assert f"recv_{command.name}" in DOCUMENTS["asyncapi"]["operations"]


@pytest.mark.parametrize("frame", FRAMES)
def test_every_frame_of_the_session_is_described(frame: str) -> None:
    """Those that are neither command nor event."""
    payload = DOCUMENTS["asyncapi"]["components"]["messages"][frame]["payload"]
    assert payload["properties"]["type"] == {"const": frame}
    assert set(payload["required"]) <= set(payload["properties"])


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_every_event_is_a_webhook_and_a_message_of_the_same_schema(event: type[Event]) -> None:
    """Its own fields and the envelope's, no others."""
    schema = event_schema(event)
    Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == event_fields(event) | {"type", "timestamp", "instance_id", "event_id"}
    assert DOCUMENTS["asyncapi"]["components"]["messages"][event.type]["payload"] == schema
    body = DOCUMENTS["openapi"]["x-webhooks"][event.type]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"] == schema


@pytest.mark.parametrize(
    "event",
    [
        RoomCreated(room_id="r", app_id="a"),
        LegDisconnected(leg_id="l", cdr=Cdr(reason="busy", duration_total=1.5, duration_answered=0)),
        LegRinging(
            leg_id="l",
            leg_type="sip_inbound",
            from_="a",
            sip_headers={"X-A": "1"},
            offered_codecs=[OfferedCodec(name="PCMU", payload_type=0, clock_rate=8000, priority=1)],
        ),
    ],
)
def test_an_event_as_it_is_sent_fits_its_schema(event: Event) -> None:
    """And one with a wrong type does not."""
    body = Published(event, "here", datetime.now(UTC), "id").body
    validator = Draft202012Validator(event_schema(type(event)))
    assert validator.is_valid(body)
    assert not validator.is_valid({**body, "type": "other"})
    assert not validator.is_valid({**body, "app_id": 7})


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_fields_that_the_contract_requires_have_a_default_all_the_same(command: Command) -> None:
    """A missing payload is one with every field empty, and yet the schema says what is required."""
    command.payload.model_validate({})
    schema = model_schema(command.payload)
    assert set(schema.get("required", [])) <= set(schema["properties"])
