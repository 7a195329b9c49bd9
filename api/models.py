"""Payloads and results, as pydantic models. Field names, types and required-ness are the contract's.

A payload's fields all have defaults, since the contract takes a missing payload as one with every field empty; which
of them its schema calls required is marked with `required`. JSON null means "not given" everywhere.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from b2bua.bridges import RoomBridge
from b2bua.dialing import OutboundCall
from b2bua.errors import Invalid, NotImplementedYet
from b2bua.leg import Leg
from b2bua.leg_state import LegState
from b2bua.room import Room

REQUIRED = "x-required"


def required(description: str = "", **more: Any) -> Any:
    """A text field that the schema calls required and that is empty when left out."""
    return Field("", description=description or None, json_schema_extra={REQUIRED: True}, **more)


class Payload(BaseModel):
    """Base of all payloads: unknown keys are ignored, types are strict."""

    model_config = ConfigDict(extra="ignore", strict=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class Result(BaseModel):
    """Base of all results. What is None is left out."""

    model_config = ConfigDict(populate_by_name=True)


# payloads


class Empty(Payload):
    """No payload."""


class IdPayload(Payload):
    id: str = required("Leg or room identifier")


class AnswerLeg(IdPayload):
    speech_detection: bool | None = None
    codec: str | None = Field(None, description="Codec for the answer; must be in the caller's offer")


class DeleteLeg(IdPayload):
    reason: str | None = Field(None, description="Why; honoured for unanswered SIP legs only")


class SipAuth(Payload):
    username: str = ""
    password: str = required("Digest password")


class CreateLeg(Payload):
    type: str = required("Leg type")
    to: str = Field("", description="SIP URI to call")
    uri: str = Field("", description="Deprecated alias of `to`")
    from_: str = Field("", alias="from", description="User part of the From header, or a full SIP URI")
    privacy: str = Field("", description="Value of the Privacy header")
    ring_timeout: int = Field(0, description="Seconds to wait for the answer; 0 for no limit")
    max_duration: int = Field(0, description="Longest call after the answer, in seconds; 0 for no limit")
    codecs: list[str] = Field(default_factory=list, description="Codecs to offer, in order")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers for the INVITE")
    room_id: str = Field("", description="Room to join as soon as there is media; created if missing")
    auth: SipAuth | None = None
    webhook_url: str = ""
    webhook_secret: str = ""
    amd: dict[str, Any] | None = None
    accept_dtmf: bool = True
    app_id: str = ""
    speech_detection: bool | None = None
    rtt: bool = False
    url: str = ""
    sample_rate: int = 16000
    wire_format: str = "binary"
    sample_format: str = "s16le"

    def outbound_call(self) -> OutboundCall:
        """Raises Invalid, and NotImplementedYet for what this version does not do: refused, not ignored."""
        if self.type in {"whatsapp", "websocket"}:
            raise NotImplementedYet(f"legs of type {self.type} are not supported by this version")
        if self.type != "sip":
            raise Invalid(f'unknown leg type "{self.type}"; expected sip')
        missing = {
            "amd": self.amd is not None,
            "rtt": self.rtt,
            "auth": self.auth is not None,
            "webhook_url": bool(self.webhook_url),
            "speech_detection": bool(self.speech_detection),
        }
        for name, asked in missing.items():
            if asked:
                raise NotImplementedYet(f"{name} is not supported by this version")
        return OutboundCall(
            to=self.to or self.uri,
            from_=self.from_,
            privacy=self.privacy,
            ring_timeout=self.ring_timeout,
            max_duration=self.max_duration,
            codecs=self.codecs,
            headers=self.headers,
            room_id=self.room_id,
            app_id=self.app_id,
            accept_dtmf=self.accept_dtmf,
        )


class CreateRoom(Payload):
    id: str = Field("", description="Room id; generated if empty", json_schema_extra={REQUIRED: True})
    webhook_url: str = ""
    webhook_secret: str = ""
    app_id: str = ""
    sample_rate: int = Field(0, description="Hz: 8000, 16000 or 48000; 0 for the server's default")


class RoomLeg(Payload):
    room_id: str = required()
    leg_id: str = required()


class AddLeg(RoomLeg):
    mute: bool | None = None
    deaf: bool | None = None
    accept_dtmf: bool | None = None
    role: str | None = None


class SetRole(Payload):
    leg_id: str = required()
    role: str = required("New role; empty clears it")


class SetRouting(Payload):
    room_id: str = required()
    matrix: dict[str, list[str]] = Field(
        default_factory=dict,
        description="Listener role to the source roles it hears; a role without a row hears everybody",
        json_schema_extra={REQUIRED: True},
    )


class RowUpdate(Payload):
    listener_role: str = required()
    sources: list[str] | None = Field(None, description="null takes the row out", json_schema_extra={REQUIRED: True})


class UpdateRouting(Payload):
    room_id: str = required()
    updates: list[RowUpdate] = Field(default_factory=list, json_schema_extra={REQUIRED: True})


DIRECTION = "As the room named sees it: bidirectional, send, receive or none"


class BridgeList(Payload):
    room_id: str = required()


class BridgeRef(BridgeList):
    bridge_id: str = required()


class BridgeCreate(BridgeList):
    bridge_id: str = Field("", description="Bridge id; generated if empty")
    peer_room_id: str = required("The other room; its rate must be the same")
    direction: str = Field("", description=DIRECTION)


class BridgeUpdate(BridgeRef):
    direction: str = required(DIRECTION)


class RecordStart(IdPayload):
    storage: str = required("file or s3")
    multi_channel: bool = Field(False, json_schema_extra={REQUIRED: True})
    s3_bucket: str = required()
    s3_region: str = required()
    s3_endpoint: str = required()
    s3_prefix: str = required()
    s3_access_key: str = required()
    s3_secret_key: str = required()


# results


class Status(Result):
    status: str


class LegView(Result):
    id: str
    type: str
    state: LegState
    room_id: str | None = None
    muted: bool
    deaf: bool
    accept_dtmf: bool
    held: bool
    role: str | None = None
    app_id: str | None = None
    sip_headers: dict[str, str] | None = None
    headers: dict[str, str] | None = None

    @classmethod
    def of(cls, leg: Leg) -> LegView:
        headers = leg.headers or None
        return cls(
            id=leg.id,
            type=leg.type,
            state=leg.state,
            room_id=leg.room_id,
            muted=leg.muted,
            deaf=leg.deaf,
            accept_dtmf=leg.accept_dtmf,
            held=leg.state is LegState.HELD,
            role=leg.role or None,
            app_id=leg.app_id or None,
            sip_headers=headers,
            headers=headers,
        )


class RoomView(Result):
    id: str
    app_id: str | None = None
    sample_rate: int
    participants: list[LegView]

    @classmethod
    def of(cls, room: Room) -> RoomView:
        return cls(
            id=room.id,
            app_id=room.app_id or None,
            sample_rate=room.sample_rate,
            participants=[LegView.of(leg) for leg in room.members.values()],
        )


class AddLegResult(Result):
    status: str
    room_id: str
    leg_id: str
    from_: str | None = Field(None, alias="from", description="Room the leg was moved from")
    to: str | None = Field(None, description="Room the leg was moved to")


class BridgeView(Result):
    id: str
    room_id: str
    direction: str
    sample_rate: int

    @classmethod
    def of(cls, bridge: RoomBridge, room: Room) -> BridgeView:
        """As `room` sees it."""
        peer, direction = bridge.peer_of(room.id), bridge.seen_from(room.id)
        return cls(id=bridge.id, room_id=peer, direction=direction, sample_rate=room.sample_rate)


class RoomRouting(Result):
    matrix: dict[str, list[str]]


class RecordingStarted(Result):
    status: str
    file: str


class RecordingStopped(Result):
    status: str
    file: str
