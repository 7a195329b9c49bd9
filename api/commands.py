"""The command table: every operation a client can ask for, declared once."""

from __future__ import annotations

from api import models
from api.table import Body, Command
from b2bua.core import Core
from b2bua.errors import Invalid, NotImplementedYet
from b2bua.rooms import Joining

STORAGES = ("", "file", "s3")


async def list_legs(core: Core, _: models.Empty) -> list[models.Result]:
    return [models.LegView.of(leg) for leg in core.legs.all()]


async def get_leg(core: Core, payload: models.IdPayload) -> models.LegView:
    return models.LegView.of(core.legs.get(payload.id))


async def create_leg(core: Core, payload: models.CreateLeg) -> models.LegView:
    return models.LegView.of(core.dial(payload.outbound_call()))


async def answer_leg(core: Core, payload: models.AnswerLeg) -> models.Status:
    if payload.speech_detection:
        raise NotImplementedYet("speech_detection is not supported by this version")
    core.legs.answer(payload.id, payload.codec)
    return models.Status(status="answering")


async def leg_ring(core: Core, payload: models.IdPayload) -> models.Status:
    core.legs.ring(payload.id)
    return models.Status(status="ringing")


async def delete_leg(core: Core, payload: models.DeleteLeg) -> models.Status:
    core.legs.delete(payload.id, payload.reason)
    return models.Status(status="hanging_up")


async def mute_leg(core: Core, payload: models.IdPayload) -> models.Status:
    core.legs.mute(payload.id, True)
    return models.Status(status="muted")


async def unmute_leg(core: Core, payload: models.IdPayload) -> models.Status:
    core.legs.mute(payload.id, False)
    return models.Status(status="unmuted")


async def deaf_leg(core: Core, payload: models.IdPayload) -> models.Status:
    core.legs.deafen(payload.id, True)
    return models.Status(status="deaf")


async def undeaf_leg(core: Core, payload: models.IdPayload) -> models.Status:
    core.legs.deafen(payload.id, False)
    return models.Status(status="undeaf")


async def set_leg_role(core: Core, payload: models.SetRole) -> models.LegView:
    return models.LegView.of(core.routing.set_role(payload.leg_id, payload.role))


async def room_routing_get(core: Core, payload: models.IdPayload) -> models.RoomRouting:
    return models.RoomRouting(matrix=core.registry.get(payload.id).routing())


async def room_routing_set(core: Core, payload: models.SetRouting) -> models.RoomRouting:
    return models.RoomRouting(matrix=core.routing.set(payload.room_id, payload.matrix).routing())


async def room_routing_update(core: Core, payload: models.UpdateRouting) -> models.RoomRouting:
    rows = [(row.listener_role, row.sources) for row in payload.updates]
    return models.RoomRouting(matrix=core.routing.update(payload.room_id, rows).routing())


async def list_rooms(core: Core, _: models.Empty) -> list[models.Result]:
    return [models.RoomView.of(room) for room in core.registry.all()]


async def get_room(core: Core, payload: models.IdPayload) -> models.RoomView:
    return models.RoomView.of(core.registry.get(payload.id))


async def create_room(core: Core, payload: models.CreateRoom) -> models.RoomView:
    if payload.webhook_url:
        raise NotImplementedYet("webhook_url is not supported by this version")
    room = core.rooms.create(payload.id, app_id=payload.app_id, sample_rate=payload.sample_rate)
    return models.RoomView.of(room)


async def delete_room(core: Core, payload: models.IdPayload) -> models.Status:
    await core.rooms.delete(payload.id)
    return models.Status(status="deleted")


async def add_leg_to_room(core: Core, payload: models.AddLeg) -> models.AddLegResult:
    joining = Joining(mute=payload.mute, deaf=payload.deaf, accept_dtmf=payload.accept_dtmf, role=payload.role)
    joined = core.rooms.add(payload.room_id, payload.leg_id, joining)
    return models.AddLegResult(
        status=joined.status,
        room_id=joined.room_id,
        leg_id=joined.leg_id,
        from_=joined.moved_from,
        to=joined.room_id if joined.moved_from else None,
    )


async def remove_leg_from_room(core: Core, payload: models.RoomLeg) -> models.Status:
    await core.rooms.remove(payload.room_id, payload.leg_id)
    return models.Status(status="removed")


async def bridge_create(core: Core, payload: models.BridgeCreate) -> models.BridgeView:
    bridge = core.bridges.create(payload.room_id, payload.peer_room_id, payload.bridge_id, payload.direction)
    return models.BridgeView.of(bridge, core.registry.get(payload.room_id))


async def bridge_list(core: Core, payload: models.BridgeList) -> list[models.Result]:
    room = core.registry.get(payload.room_id)
    return [models.BridgeView.of(bridge, room) for bridge in core.bridges.list(room.id)]


async def bridge_get(core: Core, payload: models.BridgeRef) -> models.BridgeView:
    bridge = core.bridges.get(payload.room_id, payload.bridge_id)
    return models.BridgeView.of(bridge, core.registry.get(payload.room_id))


async def bridge_update(core: Core, payload: models.BridgeUpdate) -> models.BridgeView:
    bridge = core.bridges.turn(payload.room_id, payload.bridge_id, payload.direction)
    return models.BridgeView.of(bridge, core.registry.get(payload.room_id))


async def bridge_delete(core: Core, payload: models.BridgeRef) -> models.Status:
    core.bridges.delete(payload.room_id, payload.bridge_id)
    return models.Status(status="deleted")


async def room_record_start(core: Core, payload: models.RecordStart) -> models.RecordingStarted:
    if payload.storage not in STORAGES:
        raise Invalid(f'storage must be file or s3, not "{payload.storage}"')
    core.registry.get(payload.id)
    if payload.storage == "s3" or payload.multi_channel:
        asked = "storage s3" if payload.storage == "s3" else "multi_channel"
        raise NotImplementedYet(f"{asked} is not supported by this version")
    return models.RecordingStarted(status="recording", file=await core.recordings.start(payload.id))


async def room_record_stop(core: Core, payload: models.IdPayload) -> models.RecordingStopped:
    return models.RecordingStopped(status="stopped", file=await core.recordings.stop(payload.id))


COMMANDS: tuple[Command, ...] = (
    Command(
        name="list_legs",
        summary="List all active legs",
        payload=models.Empty,
        result=models.LegView,
        many=True,
        method="GET",
        path="/legs",
        perform=list_legs,
    ),
    Command(
        name="get_leg",
        summary="Get a single leg by id",
        payload=models.IdPayload,
        result=models.LegView,
        method="GET",
        path="/legs/{id}",
        perform=get_leg,
    ),
    Command(
        name="create_leg",
        summary="Originate an outbound leg",
        payload=models.CreateLeg,
        result=models.LegView,
        method="POST",
        path="/legs",
        status=201,
        body=Body.NEEDED,
        perform=create_leg,
    ),
    Command(
        name="answer_leg",
        summary="Answer a ringing or early-media inbound SIP leg",
        payload=models.AnswerLeg,
        result=models.Status,
        method="POST",
        path="/legs/{id}/answer",
        status=202,
        body=Body.OPTIONAL,
        perform=answer_leg,
    ),
    Command(
        name="leg_ring",
        summary="Send 180 Ringing on an inbound SIP leg",
        payload=models.IdPayload,
        result=models.Status,
        method="POST",
        path="/legs/{id}/ring",
        status=202,
        perform=leg_ring,
    ),
    Command(
        name="delete_leg",
        summary="Hang up a leg",
        payload=models.DeleteLeg,
        result=models.Status,
        method="DELETE",
        path="/legs/{id}",
        status=202,
        body=Body.OPTIONAL,
        perform=delete_leg,
    ),
    Command(
        name="mute_leg",
        summary="Mute a leg",
        payload=models.IdPayload,
        result=models.Status,
        method="POST",
        path="/legs/{id}/mute",
        perform=mute_leg,
    ),
    Command(
        name="unmute_leg",
        summary="Unmute a leg",
        payload=models.IdPayload,
        result=models.Status,
        method="DELETE",
        path="/legs/{id}/mute",
        perform=unmute_leg,
    ),
    Command(
        name="deaf_leg",
        summary="Deafen a leg (stops receiving room audio)",
        payload=models.IdPayload,
        result=models.Status,
        method="POST",
        path="/legs/{id}/deaf",
        perform=deaf_leg,
    ),
    Command(
        name="undeaf_leg",
        summary="Undeafen a leg (resumes receiving room audio)",
        payload=models.IdPayload,
        result=models.Status,
        method="DELETE",
        path="/legs/{id}/deaf",
        perform=undeaf_leg,
    ),
    Command(
        name="set_leg_role",
        summary="Set a leg's routing role",
        payload=models.SetRole,
        result=models.LegView,
        method="PATCH",
        path="/legs/{id}/role",
        path_fields={"id": "leg_id"},
        body=Body.NEEDED,
        perform=set_leg_role,
    ),
    Command(
        name="room_routing_get",
        summary="Get a room's routing matrix",
        payload=models.IdPayload,
        result=models.RoomRouting,
        method="GET",
        path="/rooms/{id}/routing",
        perform=room_routing_get,
    ),
    Command(
        name="room_routing_set",
        summary="Replace a room's routing matrix",
        payload=models.SetRouting,
        result=models.RoomRouting,
        method="PUT",
        path="/rooms/{id}/routing",
        path_fields={"id": "room_id"},
        body=Body.NEEDED,
        perform=room_routing_set,
    ),
    Command(
        name="room_routing_update",
        summary="Replace rows of a room's routing matrix",
        payload=models.UpdateRouting,
        result=models.RoomRouting,
        method="PATCH",
        path="/rooms/{id}/routing",
        path_fields={"id": "room_id"},
        body=Body.NEEDED,
        perform=room_routing_update,
    ),
    Command(
        name="list_rooms",
        summary="List all rooms with participants",
        payload=models.Empty,
        result=models.RoomView,
        many=True,
        method="GET",
        path="/rooms",
        perform=list_rooms,
    ),
    Command(
        name="get_room",
        summary="Get a single room with participants",
        payload=models.IdPayload,
        result=models.RoomView,
        method="GET",
        path="/rooms/{id}",
        perform=get_room,
    ),
    Command(
        name="create_room",
        summary="Create a room",
        payload=models.CreateRoom,
        result=models.RoomView,
        method="POST",
        path="/rooms",
        status=201,
        body=Body.TOLERANT,
        perform=create_room,
    ),
    Command(
        name="delete_room",
        summary="Delete a room",
        payload=models.IdPayload,
        result=models.Status,
        method="DELETE",
        path="/rooms/{id}",
        perform=delete_room,
    ),
    Command(
        name="add_leg_to_room",
        summary="Add or move a leg into a room",
        payload=models.AddLeg,
        result=models.AddLegResult,
        method="POST",
        path="/rooms/{id}/legs",
        path_fields={"id": "room_id"},
        body=Body.NEEDED,
        perform=add_leg_to_room,
    ),
    Command(
        name="remove_leg_from_room",
        summary="Remove a leg from a room",
        payload=models.RoomLeg,
        result=models.Status,
        method="DELETE",
        path="/rooms/{id}/legs/{legID}",
        path_fields={"id": "room_id", "legID": "leg_id"},
        perform=remove_leg_from_room,
    ),
    Command(
        name="bridge_create",
        summary="Bridge two rooms",
        payload=models.BridgeCreate,
        result=models.BridgeView,
        method="POST",
        path="/rooms/{id}/bridges",
        path_fields={"id": "room_id"},
        body_fields={"id": "bridge_id", "room_id": "peer_room_id"},
        status=201,
        body=Body.NEEDED,
        perform=bridge_create,
    ),
    Command(
        name="bridge_list",
        summary="List the bridges of a room",
        payload=models.BridgeList,
        result=models.BridgeView,
        many=True,
        method="GET",
        path="/rooms/{id}/bridges",
        path_fields={"id": "room_id"},
        perform=bridge_list,
    ),
    Command(
        name="bridge_get",
        summary="Get a bridge as a room sees it",
        payload=models.BridgeRef,
        result=models.BridgeView,
        method="GET",
        path="/rooms/{id}/bridges/{bridgeID}",
        path_fields={"id": "room_id", "bridgeID": "bridge_id"},
        perform=bridge_get,
    ),
    Command(
        name="bridge_update",
        summary="Change a bridge's direction",
        payload=models.BridgeUpdate,
        result=models.BridgeView,
        method="PATCH",
        path="/rooms/{id}/bridges/{bridgeID}",
        path_fields={"id": "room_id", "bridgeID": "bridge_id"},
        body=Body.NEEDED,
        perform=bridge_update,
    ),
    Command(
        name="bridge_delete",
        summary="Remove a bridge",
        payload=models.BridgeRef,
        result=models.Status,
        method="DELETE",
        path="/rooms/{id}/bridges/{bridgeID}",
        path_fields={"id": "room_id", "bridgeID": "bridge_id"},
        perform=bridge_delete,
    ),
    Command(
        name="room_record_start",
        summary="Start recording the full room mix (mono)",
        payload=models.RecordStart,
        result=models.RecordingStarted,
        method="POST",
        path="/rooms/{id}/record",
        body=Body.TOLERANT,
        perform=room_record_start,
    ),
    Command(
        name="room_record_stop",
        summary="Stop a room recording",
        payload=models.IdPayload,
        result=models.RecordingStopped,
        method="DELETE",
        path="/rooms/{id}/record",
        perform=room_record_stop,
    ),
)

BY_NAME: dict[str, Command] = {command.name: command for command in COMMANDS}
