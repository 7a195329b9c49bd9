"""VSI and REST against the real server: frames, errors, and what each command does to real calls."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.conftest import MakePhone
from tests.kit.server import CommandError, Server, Vsi


async def ask(server: Server, *frames: str) -> list[dict[str, object]]:
    """Send frames as they are and return one reply for each."""
    async with connect(server.vsi_url, compression=None) as socket:
        assert json.loads(await socket.recv()) == {"type": "connected"}
        for frame in frames:
            await socket.send(frame)
        return [json.loads(await asyncio.wait_for(socket.recv(), 5)) for _ in frames]


@pytest.mark.parametrize("frame", ["", "{", "[]", "1", '"text"', '{"type":1}', '{"type":"list_legs","request_id":7}'])
async def test_a_frame_that_is_none_gets_invalid_json(server: Server, frame: str) -> None:
    """Not JSON, not an object, or its names not text: an error without request_id, and the connection stays."""
    bad, good = await ask(server, frame, '{"type":"list_legs"}')
    assert bad == {"type": "error", "data": {"code": 400, "message": "invalid JSON"}}
    assert good == {"type": "list_legs.result", "data": []}


async def test_an_unknown_command_is_named_in_its_error(server: Server) -> None:
    """With the request_id echoed; a frame without a type is the unknown command ""."""
    replies = await ask(server, '{"type":"fly","request_id":"a"}', "{}")
    assert replies == [
        {"type": "error", "request_id": "a", "data": {"code": 400, "message": "unknown command: fly"}},
        {"type": "error", "data": {"code": 400, "message": "unknown command: "}},
    ]


@pytest.mark.parametrize(
    ("command", "payload", "code"),
    [
        ("get_leg", None, 404),
        ("get_leg", {}, 404),
        ("get_leg", {"id": None}, 404),
        ("get_leg", {"id": 3}, 400),
        ("get_leg", [], 400),
        ("get_leg", "x", 400),
        ("get_room", {"id": "nowhere"}, 404),
        ("answer_leg", {"id": "nobody"}, 404),
        ("leg_ring", {"id": "nobody"}, 404),
        ("delete_leg", {"id": "nobody"}, 404),
        ("mute_leg", {"id": "nobody"}, 404),
        ("unmute_leg", {"id": "nobody"}, 404),
        ("delete_room", {"id": "nowhere"}, 404),
        ("create_room", {"sample_rate": 44100}, 400),
        ("create_room", {"sample_rate": 8000.0}, 400),
        ("create_room", {"sample_rate": "8000"}, 400),
        ("add_leg_to_room", {"room_id": "r", "leg_id": "nobody"}, 400),
        ("add_leg_to_room", {"leg_id": "nobody"}, 400),
        ("remove_leg_from_room", {"room_id": "nowhere", "leg_id": "nobody"}, 400),
        ("room_record_start", {"id": "nowhere"}, 404),
        ("room_record_start", {"id": "nowhere", "storage": "tape"}, 400),
        ("room_record_stop", {"id": "nowhere"}, 404),
        ("create_leg", {"type": "sip", "to": "not a uri"}, 400),
        ("create_leg", {"type": "sip", "to": "sip:a@b:99999"}, 400),
        ("create_leg", {"type": "sip", "to": "sip:a@b", "codecs": ["mp3"]}, 400),
        ("create_leg", {"type": "sip", "to": "sip:a@b", "headers": {"X-A": "1\r\nX-B: 2"}}, 400),
        ("create_leg", {"type": "sip", "to": "sip:a@b", "headers": {"Via": "x"}}, 400),
        ("create_leg", {"type": "sip", "to": "sip:a@b", "ring_timeout": -1}, 400),
        ("create_leg", {"type": "pigeon", "to": "sip:a@b"}, 400),
        ("create_leg", {"type": "websocket", "url": "ws://x"}, 501),
        ("create_leg", {}, 400),
    ],
)
async def test_a_refused_command_says_why(server: Server, command: str, payload: object, code: int) -> None:
    """The code is the REST twin's status."""
    (reply,) = await ask(server, json.dumps({"type": command, "request_id": "r", "payload": payload}))
    assert reply["type"] == "error", reply
    assert reply["request_id"] == "r"
    assert reply["data"]["code"] == code, reply  # type: ignore[index]
    assert reply["data"]["message"]  # type: ignore[index]


async def test_stop_closes_and_pong_is_silent(server: Server) -> None:
    """`pong` never gets a reply, even with a request_id; `stop` ends the connection without one."""
    async with connect(server.vsi_url, compression=None) as socket:
        await socket.recv()
        await socket.send('{"type":"pong","request_id":"x","event_id":1}')
        await socket.send(b"binary means nothing")
        await socket.send('{"type":"stop"}')
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 5)


async def test_a_filter_that_is_no_regular_expression_is_refused(server: Server) -> None:
    """With 400 before the upgrade."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(server.vsi_url + "?app_id=(")
    assert refused.value.response.status_code == 400
    assert "app_id" in json.loads(refused.value.response.body)["error"]


async def test_events_are_filtered_by_app(server: Server) -> None:
    """The pattern is searched, unanchored, in the event's app id."""
    async with server.vsi("?app_id=^bill") as client:
        await client.command("create_room", id="other", app_id="support")
        await client.command("create_room", id="mine", app_id="billing")
        await client.event("room.created")
        assert [event["room_id"] for event in client.events] == ["mine"]


async def test_rest_mirrors_vsi(server: Server, vsi: Vsi) -> None:
    """Objects begin with instance_id, lists are bare, errors name what is wrong."""
    async with server.rest() as rest:
        made = await rest.post("/rooms", json={"id": "lobby", "sample_rate": 8000, "app_id": "a"})
        assert made.status_code == 201
        assert made.text.endswith("\n")
        room = {"id": "lobby", "app_id": "a", "sample_rate": 8000, "participants": []}
        assert made.json() == {"instance_id": "test", **room}
        assert next(iter(made.json())) == "instance_id"
        assert (await rest.get("/rooms")).json() == [room] == await vsi.command("list_rooms")
        assert await vsi.command("get_room", id="lobby") == room
        again = await rest.post("/rooms", json={"id": "lobby"})
        assert again.status_code == 409
        assert again.json()["error"] == "room already exists: lobby"
        assert (await rest.post("/rooms", content="not json")).status_code == 201
        assert (await rest.delete("/rooms/lobby")).json() == {"instance_id": "test", "status": "deleted"}
        assert (await rest.get("/rooms/lobby")).status_code == 404
        assert (await rest.post("/legs", content="not json")).json()["error"] == "invalid JSON"
        assert (await rest.post("/legs", content="")).status_code == 400
        assert (await rest.post("/legs", content=b"{" + b" " * 2_000_000)).status_code == 413
        assert (await rest.put("/legs")).status_code == 405
        assert (await rest.get("/nothing")).status_code == 404
        options = await rest.options("/legs")
        assert options.status_code == 204
        assert "PATCH" in options.headers["access-control-allow-methods"]
    assert vsi.types(room_id="lobby") == ["room.created", "room.deleted"]


async def test_a_call_from_ringing_to_its_end(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """Views, events and their order for an inbound call that is rung, answered and hung up by the app."""
    caller = await phone("PCMU")
    calling = asyncio.create_task(caller.call(server.sip_port, "1000", {"X-App-ID": "shop", "X-Note": "hi"}))
    ringing = await vsi.event("leg.ringing")
    leg = ringing["leg_id"]
    assert ringing["from"] == "peer"
    assert ringing["to"] == "1000"
    assert ringing["app_id"] == "shop"
    assert ringing["sip_headers"] == {"X-App-ID": "shop", "X-Note": "hi"}
    assert ringing["offered_codecs"] == [{"name": "PCMU", "payload_type": 0, "clock_rate": 8000, "priority": 1}]
    view = await vsi.command("get_leg", id=leg)
    assert view == {
        "id": leg,
        "type": "sip_inbound",
        "state": "ringing",
        "muted": False,
        "deaf": False,
        "accept_dtmf": True,
        "held": False,
        "app_id": "shop",
        "sip_headers": {"X-App-ID": "shop", "X-Note": "hi"},
        "headers": {"X-App-ID": "shop", "X-Note": "hi"},
    }
    assert await vsi.command("leg_ring", id=leg) == {"status": "ringing"}
    with pytest.raises(CommandError, match="not in the caller's offer"):
        await vsi.command("answer_leg", id=leg, codec="G722")
    assert await vsi.command("answer_leg", id=leg, codec="pcmu") == {"status": "answering"}
    assert (await calling).status == 200
    await vsi.event("leg.connected", leg_id=leg)
    with pytest.raises(CommandError, match="it must be ringing"):
        await vsi.command("leg_ring", id=leg)
    with pytest.raises(CommandError, match="it must be ringing"):
        await vsi.command("answer_leg", id=leg)
    assert await vsi.command("mute_leg", id=leg) == {"status": "muted"}
    assert (await vsi.command("get_leg", id=leg))["muted"] is True
    assert await vsi.command("unmute_leg", id=leg) == {"status": "unmuted"}
    assert await vsi.command("delete_leg", id=leg) == {"status": "hanging_up"}
    with pytest.raises(CommandError, match="leg not found"):
        await vsi.command("get_leg", id=leg)
    await asyncio.wait_for(caller.ended.wait(), 5)
    ended = await vsi.event("leg.disconnected", leg_id=leg)
    assert ended["cdr"]["reason"] == "api_hangup"
    assert ended["cdr"]["duration_total"] >= ended["cdr"]["duration_answered"] > 0
    assert ended["app_id"] == "shop"
    assert vsi.types(leg_id=leg) == ["leg.ringing", "leg.connected", "leg.muted", "leg.unmuted", "leg.disconnected"]


@pytest.mark.parametrize(
    ("codec", "answered"), [(None, "8 101"), ("PCMU", "0 101"), ("g722", "9 101"), ("pcma", "8 101")]
)
async def test_the_answer_carries_one_codec(
    server: Server, vsi: Vsi, phone: MakePhone, codec: str | None, answered: str
) -> None:
    """The one asked for, else the first of the caller's that is enabled, and telephone-event."""
    caller = await phone()
    caller.offer = (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {caller.media.port} RTP/AVP 18 8 9 0 101\r\n"
        "a=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
    calling = asyncio.create_task(caller.call(server.sip_port))
    ringing = await vsi.event("leg.ringing")
    assert [each["name"] for each in ringing["offered_codecs"]] == ["G729", "PCMA", "G722", "PCMU"]
    with pytest.raises(CommandError, match="not enabled"):
        await vsi.command("answer_leg", id=ringing["leg_id"], codec="G729")
    with pytest.raises(CommandError, match="not in the caller's offer"):
        await vsi.command("answer_leg", id=ringing["leg_id"], codec="opus")
    await vsi.command("answer_leg", id=ringing["leg_id"], **({"codec": codec} if codec else {}))
    response = await calling
    media = next(line for line in response.body.split("\r\n") if line.startswith("m=audio"))
    assert media.partition("RTP/AVP ")[2] == answered
    await caller.bye()


async def test_early_media_joins_the_room_before_the_answer(vsi: Vsi, phone: MakePhone) -> None:
    """Only a 183 with SDP counts, and only the first; the leg joins once."""
    callee = await phone()
    leg = (await vsi.command("create_leg", type="sip", to=callee.uri, room_id="early"))["id"]
    await callee.next_invite()
    callee.answer(180, "Ringing", body=False)
    callee.answer(183, "Session Progress", body=False)
    callee.answer(183, "Session Progress")
    callee.answer(183, "Session Progress")
    await vsi.event("leg.joined_room", leg_id=leg)
    assert (await vsi.command("get_leg", id=leg))["state"] == "early_media"
    callee.answer()
    await vsi.event("leg.connected", leg_id=leg)
    assert vsi.types(leg_id=leg) == ["leg.ringing", "leg.early_media", "leg.joined_room", "leg.connected"]
    await vsi.command("delete_leg", id=leg)
    await asyncio.wait_for(callee.ended.wait(), 5)


@pytest.mark.parametrize(
    ("reason", "status"),
    [("busy", 486), ("declined", 603), ("rejected", 603), ("unavailable", 480), ("not_found", 404), (None, 480)],
)
async def test_an_unanswered_call_is_rejected_with_its_reason(
    server: Server, vsi: Vsi, phone: MakePhone, reason: str | None, status: int
) -> None:
    """The word goes into the CDR as given, and selects the final response."""
    caller = await phone()
    calling = asyncio.create_task(caller.call(server.sip_port))
    leg = (await vsi.event("leg.ringing"))["leg_id"]
    with pytest.raises(CommandError, match="unknown reason"):
        await vsi.command("delete_leg", id=leg, reason="bored")
    await vsi.command("delete_leg", id=leg, **({"reason": reason} if reason else {}))
    assert (await calling).status == status
    ended = await vsi.event("leg.disconnected", leg_id=leg)
    assert ended["cdr"] == {**ended["cdr"], "reason": reason or "api_hangup", "duration_answered": 0}
    assert "quality" not in ended


@pytest.mark.parametrize(
    ("status", "reason"),
    [(486, "busy"), (404, "not_found"), (603, "declined"), (503, "service_unavailable"), (418, "sip_418")],
)
async def test_a_refused_outbound_call_says_why(vsi: Vsi, phone: MakePhone, status: int, reason: str) -> None:
    """The callee's final response becomes the CDR's reason."""
    callee = await phone()
    leg = await vsi.command("create_leg", type="sip", to=callee.uri, **{"from": "+15550100"}, headers={"X-Trace": "7"})
    assert leg["state"] == "ringing"
    invite = await callee.next_invite()
    assert "<sip:+15550100@127.0.0.1>" in invite.get("from")
    assert invite.get("p-asserted-identity") == "<sip:+15550100@127.0.0.1>"
    assert invite.get("x-trace") == "7"
    callee.answer(status, "No")
    assert (await vsi.event("leg.disconnected", leg_id=leg["id"]))["cdr"]["reason"] == reason


async def test_an_outbound_call_that_is_deleted_or_times_out_is_cancelled(vsi: Vsi, phone: MakePhone) -> None:
    """CANCEL reaches the callee; the reason is ours."""
    for extra, reason in (({"ring_timeout": 1}, "ring_timeout"), ({}, "api_hangup")):
        callee = await phone()
        leg = await vsi.command("create_leg", type="sip", to=callee.uri, **extra)
        await callee.next_invite()
        callee.answer(180, "Ringing", body=False)
        if not extra:
            await vsi.command("delete_leg", id=leg["id"])
        cancel, address = await asyncio.wait_for(callee.requests.get(), 5)
        assert cancel.method == "CANCEL"
        callee.respond(cancel, address, 200, "OK")
        callee.answer(487, "Request Terminated")
        assert (await vsi.event("leg.disconnected", leg_id=leg["id"]))["cdr"]["reason"] == reason


async def test_a_call_ends_after_its_longest_duration(vsi: Vsi, phone: MakePhone) -> None:
    """max_duration counts from the answer and ends in BYE."""
    callee = await phone()
    leg = await vsi.command("create_leg", type="sip", to=callee.uri, max_duration=1)
    await callee.next_invite()
    callee.answer()
    await asyncio.wait_for(callee.ended.wait(), 5)
    ended = await vsi.event("leg.disconnected", leg_id=leg["id"])
    assert ended["cdr"]["reason"] == "max_duration"
    assert ended["cdr"]["duration_answered"] == pytest.approx(1, abs=0.3)


async def test_a_leg_moves_between_rooms_of_different_rates(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """left_room before joined_room; the old room's recording ends with its last leg."""
    caller = await phone()
    calling = asyncio.create_task(caller.call(server.sip_port))
    leg = (await vsi.event("leg.ringing"))["leg_id"]
    await vsi.command("create_room", id="narrow", sample_rate=8000)
    await vsi.command("create_room", id="wide", sample_rate=48000)
    await vsi.command("add_leg_to_room", room_id="narrow", leg_id=leg, mute=True, role="customer")
    await calling
    await vsi.event("leg.joined_room", room_id="narrow")
    with pytest.raises(CommandError, match="already"):
        await vsi.command("add_leg_to_room", room_id="narrow", leg_id=leg)
    recording = await vsi.command("room_record_start", id="narrow")
    with pytest.raises(CommandError, match="recorded already"):
        await vsi.command("room_record_start", id="narrow")
    moved = await vsi.command("add_leg_to_room", room_id="wide", leg_id=leg)
    assert moved == {"status": "moved", "room_id": "wide", "leg_id": leg, "from": "narrow", "to": "wide"}
    assert (await vsi.event("recording.finished"))["file"] == recording["file"]
    view = await vsi.command("get_leg", id=leg)
    assert (view["room_id"], view["muted"], view["role"]) == ("wide", True, "customer")
    assert await vsi.command("remove_leg_from_room", room_id="wide", leg_id=leg) == {"status": "removed"}
    with pytest.raises(CommandError, match="is not in room"):
        await vsi.command("remove_leg_from_room", room_id="wide", leg_id=leg)
    with pytest.raises(CommandError, match="no participants"):
        await vsi.command("room_record_start", id="wide")
    joins = [kind for kind in vsi.types(leg_id=leg) if kind.endswith("_room")]
    assert joins == ["leg.joined_room", "leg.left_room", "leg.joined_room", "leg.left_room"]
    assert "leg.muted" not in vsi.types()
    await caller.bye()
    assert (await vsi.event("leg.disconnected"))["cdr"]["reason"] == "remote_bye"


async def test_deleting_a_room_hangs_up_its_legs(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """recording.finished, room.deleted, then leg.disconnected, and no leg.left_room; the reply comes last."""
    callee = await phone()
    leg = await vsi.command("create_leg", type="sip", to=callee.uri, room_id="gone", app_id="a")
    await callee.next_invite()
    callee.answer()
    await vsi.event("leg.joined_room")
    await vsi.command("room_record_start", id="gone")
    assert await vsi.command("delete_room", id="gone") == {"status": "deleted"}
    ended = await vsi.event("leg.disconnected", leg_id=leg["id"])
    assert ended["cdr"]["reason"] == "room_deleted"
    order = [kind for kind in vsi.types() if kind != "leg.ringing"]
    assert order == ["room.created", "leg.connected", "leg.joined_room", "recording.started", "recording.finished",
                     "room.deleted", "leg.disconnected"]  # fmt: skip


async def test_deleting_a_room_cancels_the_legs_on_their_way(vsi: Vsi, phone: MakePhone) -> None:
    """A leg that is being dialled into the room ends with it."""
    callee = await phone()
    leg = await vsi.command("create_leg", type="sip", to=callee.uri, room_id="gone")
    await callee.next_invite()
    callee.answer(180, "Ringing", body=False)
    deleting = asyncio.create_task(vsi.command("delete_room", id="gone"))
    cancel, address = await asyncio.wait_for(callee.requests.get(), 5)
    assert cancel.method == "CANCEL"
    callee.respond(cancel, address, 200, "OK")
    callee.answer(487, "Request Terminated")
    assert await deleting == {"status": "deleted"}
    assert (await vsi.event("leg.disconnected", leg_id=leg["id"]))["cdr"]["reason"] == "room_deleted"
    assert await vsi.command("list_rooms") == []


async def test_documents_are_served(server: Server) -> None:
    """The generated schemas, as JSON and as YAML."""
    async with httpx.AsyncClient(base_url=server.http_url, trust_env=False) as client:
        assert (await client.get("/v1/openapi.json")).json()["openapi"] == "3.1.0"
        assert (await client.get("/v1/asyncapi.json")).json()["asyncapi"] == "3.0.0"
        assert "recv_list_legs" in (await client.get("/v1/asyncapi.yaml")).text
        assert (await client.get("/health")).json()["status"] == "ok"
