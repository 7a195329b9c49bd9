"""OpenAPI and AsyncAPI documents, generated from the command table and the event declarations."""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import BaseModel, TypeAdapter

from api.commands import COMMANDS
from api.models import REQUIRED
from api.table import Body, Command
from b2bua.events import EVENTS, Event

TITLE = "Legroom"
ERROR = {
    "type": "object",
    "properties": {"instance_id": {"type": "string"}, "error": {"type": "string"}},
    "required": ["error"],
}
ENVELOPE: dict[str, Any] = {
    "type": {"type": "string"},
    "timestamp": {"type": "string", "format": "date-time"},
    "instance_id": {"type": "string"},
    "event_id": {"type": "string", "description": "The same wherever and however often the event is delivered"},
}
FRAMES: dict[str, dict[str, Any]] = {
    "connected": {"properties": {}, "required": ["type"]},
    "ping": {"properties": {"event_id": {"type": "integer"}, "seq": {"type": "integer"}}, "required": ["type"]},
    "pong": {"properties": {}, "required": ["type"]},
    "stop": {"properties": {}, "required": ["type"]},
    "events_dropped": {"properties": {"count": {"type": "integer"}}, "required": ["type", "count"]},
    "error": {
        "properties": {
            "request_id": {"type": "string"},
            "data": {
                "type": "object",
                "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
                "required": ["code", "message"],
            },
        },
        "required": ["type", "data"],
    },
}


def openapi(version: str) -> dict[str, Any]:
    """The REST interface and the webhook bodies, as OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for command in COMMANDS:
        paths.setdefault(command.path, {})[command.method.lower()] = _operation(command)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{TITLE} API", "version": version, "license": {"name": "MIT"}},
        "servers": [{"url": "/v1"}],
        "paths": paths,
        "components": {"schemas": {"Error": ERROR, **_schemas()}},
        "x-webhooks": {event.type: _webhook(event) for event in EVENTS},
    }


def asyncapi(version: str) -> dict[str, Any]:
    """The VSI WebSocket, as AsyncAPI 3.0."""
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for command in COMMANDS:
        messages[command.name] = _message(command.name, command.summary, {"payload": _ref(command.payload)})
        result = {"type": "array", "items": _ref(command.result)} if command.many else _ref(command.result)
        messages[f"{command.name}.result"] = _message(f"{command.name}.result", command.summary, {"data": result})
        operations[f"recv_{command.name}"] = {
            "action": "receive",
            "channel": {"$ref": "#/channels/vsi"},
            "summary": command.summary,
            "messages": [_channel_ref(command.name)],
            "reply": {"messages": [_channel_ref(f"{command.name}.result"), _channel_ref("error")]},
        }
    for event in EVENTS:
        messages[event.type] = {"name": event.type, "summary": event.summary, "payload": event_schema(event)}
        operations[f"send_{event.type}"] = _send(event.type, event.summary)
    for name, frame in FRAMES.items():
        messages[name] = {"name": name, "payload": _frame(name, frame["properties"], frame["required"])}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"{TITLE} Streaming Interface (VSI)", "version": version},
        "channels": {
            "vsi": {
                "address": "/v1/vsi",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": operations,
        "components": {"messages": messages, "schemas": _schemas()},
    }


def model_schema(model: type[BaseModel], *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """A model's JSON schema: `required` as the contract has it, nulls and titles left out."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    properties = {name: _tidy(field) for name, field in schema.get("properties", {}).items() if name not in without}
    marked = [name for name, field in properties.items() if field.pop(REQUIRED, False)]
    needed = [name for name in schema.get("required", []) if name not in without]
    tidy: dict[str, Any] = {"type": "object", "properties": properties}
    if needed or marked:
        tidy["required"] = [*needed, *marked]
    return tidy


def event_schema(event: type[Event]) -> dict[str, Any]:
    """An event's JSON schema, envelope included."""
    schema = TypeAdapter(event).json_schema()
    properties = {name: _tidy(field) for name, field in schema["properties"].items()}
    if "from_" in properties:
        properties["from"] = properties.pop("from_")
    definitions = {name: _tidy_definition(body) for name, body in schema.get("$defs", {}).items()}
    return {
        "type": "object",
        "properties": {**ENVELOPE, "type": {"const": event.type}, **_inline(properties, definitions)},
        "required": ["type", "timestamp", *(name for name in schema.get("required", []))],
    }


def _operation(command: Command) -> dict[str, Any]:
    result = {"type": "array", "items": _ref(command.result)} if command.many else _ref(command.result)
    operation: dict[str, Any] = {
        "operationId": command.name,
        "summary": command.summary,
        "responses": {
            str(command.status): _json("Success", result),
            "default": _json("Failure", {"$ref": "#/components/schemas/Error"}),
        },
    }
    if command.parameters:
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in command.parameters
        ]
    if command.body is not Body.NONE:
        body = model_schema(command.payload, without=tuple(command.parameters.values()))
        names = {field: key for key, field in command.body_fields.items()}
        body["properties"] = {names.get(field, field): schema for field, schema in body["properties"].items()}
        if "required" in body:
            body["required"] = [names.get(field, field) for field in body["required"]]
        operation["requestBody"] = {
            "required": command.body is Body.NEEDED,
            "content": {"application/json": {"schema": body}},
        }
    return operation


def _webhook(event: type[Event]) -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": event_schema(event)}}}
    return {"post": {"summary": event.summary, "requestBody": body}}


def _message(name: str, summary: str, content: dict[str, Any]) -> dict[str, Any]:
    payload = _frame(name, {"request_id": {"type": "string"}, **content}, ["type"])
    return {"name": name, "summary": summary, "payload": payload}


def _frame(name: str, properties: dict[str, Any], needed: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": {"type": {"const": name}, **properties}, "required": needed}


def _send(name: str, summary: str) -> dict[str, Any]:
    channel = {"$ref": "#/channels/vsi"}
    return {"action": "send", "channel": channel, "summary": summary, "messages": [_channel_ref(name)]}


def _channel_ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/vsi/messages/{name}"}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _schemas() -> dict[str, Any]:
    models = {model for command in COMMANDS for model in (command.payload, command.result)}
    schemas: dict[str, Any] = {}
    for model in sorted(models, key=lambda each: each.__name__):
        schemas[model.__name__] = model_schema(model)
        for name, body in model.model_json_schema(by_alias=True).get("$defs", {}).items():
            schemas.setdefault(name, _tidy_definition(body))
    return schemas


def _tidy(field: dict[str, Any]) -> dict[str, Any]:
    """Drop titles and defaults that say nothing, and write `X or null` as X: absent is how nothing is said."""
    if "anyOf" in field:
        kinds = [kind for kind in field["anyOf"] if kind.get("type") != "null"]
        field = {**{key: value for key, value in field.items() if key != "anyOf"}, **kinds[0]}
    kept = {key: value for key, value in field.items() if key != "title" and not (key == "default" and not value)}
    if "$ref" in kept:
        kept["$ref"] = kept["$ref"].replace("#/$defs/", "#/components/schemas/")
    if isinstance(kept.get("items"), dict):
        kept["items"] = _tidy(kept["items"])
    return kept


def _tidy_definition(body: dict[str, Any]) -> dict[str, Any]:
    tidy = {key: value for key, value in body.items() if key not in {"title", "description"}}
    if "properties" in tidy:
        tidy["properties"] = {name: _tidy(field) for name, field in tidy["properties"].items()}
        marked = [name for name, field in tidy["properties"].items() if field.pop(REQUIRED, False)]
        if marked:
            tidy["required"] = [*tidy.get("required", []), *marked]
    return tidy


def _inline(properties: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Put nested objects in where they are referred to: an event's schema stands alone."""

    def resolve(field: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in field:
            return dict(definitions[field["$ref"].rpartition("/")[2]])
        if "items" in field:
            return {**field, "items": resolve(field["items"])}
        return field

    return {name: resolve(field) for name, field in properties.items()}


def event_fields(event: type[Event]) -> set[str]:
    """An event's own wire fields, without the envelope."""
    return {str(field.metadata.get("name", field.name)) for field in dataclasses.fields(event)}
