"""Room bridges, heard on real calls: every direction, live change, chains and cycles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.conftest import MakePhone
from tests.integration.test_routing import TONES, gather, heard_by_all
from tests.integration.test_two_party_room import read
from tests.kit.server import CommandError, Server, Vsi
from tests.kit.signal import level

A, B, C = ROOMS = tuple(TONES)
"""Each room is named for the one party that is in it."""


async def test_bridged_rooms_hear_each_other_as_the_direction_says(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """Two rooms in every direction, then a chain of three, then a cycle, then apart again; nobody hears itself."""
    parties = await gather(server, vsi, phone)
    nobody: dict[str, set[str]] = {room: set() for room in ROOMS}
    assert await heard_by_all(parties) == nobody

    made = await vsi.command("bridge_create", room_id=A, peer_room_id=B, bridge_id="ab", direction="send")
    assert made == {"id": "ab", "room_id": B, "direction": "send", "sample_rate": 16000}
    assert await heard_by_all(parties) == {**nobody, B: {A}}
    # A's own matrix does not keep A from hearing B.
    await vsi.command("room_routing_set", room_id=A, matrix={A: []})
    await vsi.command("bridge_update", room_id=B, bridge_id="ab", direction="send")
    assert (await vsi.command("bridge_get", room_id=A, bridge_id="ab"))["direction"] == "receive"
    assert await heard_by_all(parties) == {**nobody, A: {B}}

    await vsi.command("bridge_update", room_id=A, bridge_id="ab", direction="bidirectional")
    await vsi.command("bridge_create", room_id=B, peer_room_id=C, bridge_id="bc")
    everybody = {room: set(ROOMS) - {room} for room in ROOMS}
    assert await heard_by_all(parties) == everybody

    await vsi.command("bridge_create", room_id=C, peer_room_id=A, bridge_id="ca")
    assert await heard_by_all(parties) == everybody
    for party in parties.values():  # neither doubled nor echoed
        sound = party.phone.media.received.samples()[-3200:]
        for other in everybody[party.role]:
            assert level(sound, TONES[other], 8000) == pytest.approx(-12.0, abs=1.0)

    for bridge, room in (("ab", A), ("bc", B), ("ca", C)):
        await vsi.command("bridge_delete", room_id=room, bridge_id=bridge)
    assert await heard_by_all(parties) == nobody


async def test_a_recording_holds_what_is_bridged_in(server: Server, vsi: Vsi, phone: MakePhone) -> None:
    """And mute is mute in the other room too."""
    parties = await gather(server, vsi, phone)
    await vsi.command("bridge_create", room_id=A, peer_room_id=B)
    file = (await vsi.command("room_record_start", id=A))["file"]
    assert (await heard_by_all(parties))[A] == {B}
    await vsi.command("room_record_stop", id=A)
    rate, mix = read(Path(file))
    for tone in (TONES[A], TONES[B]):
        assert level(mix[rate // 10 : -rate // 10], tone, rate) == pytest.approx(-12.0, abs=1.0)
    await vsi.command("mute_leg", id=parties[B].leg)
    assert (await heard_by_all(parties))[A] == set()


async def test_deleting_a_room_takes_its_bridges_along(vsi: Vsi) -> None:
    """room.unbridged with the reason, before room.deleted; the other room stays."""
    for room in ("a", "b", "c"):
        await vsi.command("create_room", id=room, app_id=f"app-{room}")
    await vsi.command("bridge_create", room_id="a", peer_room_id="b", bridge_id="ab", direction="receive")
    await vsi.command("bridge_create", room_id="c", peer_room_id="a", bridge_id="ca")
    await vsi.command("bridge_update", room_id="a", bridge_id="ab", direction="receive")
    await vsi.command("bridge_delete", room_id="a", bridge_id="ca")
    await vsi.command("delete_room", id="b")
    assert await vsi.command("bridge_list", room_id="a") == []
    await vsi.event("room.deleted")
    frames = [
        {key: value for key, value in event.items() if key not in {"timestamp", "event_id", "instance_id"}}
        for event in vsi.events
        if "bridge_id" in event
    ]
    ab = {"bridge_id": "ab", "room_a_id": "a", "room_b_id": "b", "app_id": "app-a"}
    ca = {"bridge_id": "ca", "room_a_id": "c", "room_b_id": "a", "app_id": "app-c"}
    assert frames == [
        {"type": "room.bridged", **ab, "direction": "b_to_a"},
        {"type": "room.bridged", **ca, "direction": "bidirectional"},
        {"type": "room.bridge_updated", **ab, "direction": "b_to_a"},
        {"type": "room.unbridged", **ca},
        {"type": "room.unbridged", **ab, "reason": "room_deleted"},
    ]
    assert vsi.types()[-1] == "room.deleted"


async def test_bridges_are_refused_with_the_contracts_errors(server: Server, vsi: Vsi) -> None:
    """In the contract's order of checks, over VSI and REST."""
    for room, rate in (("a", 16000), ("b", 16000), ("c", 16000), ("narrow", 8000)):
        await vsi.command("create_room", id=room, sample_rate=rate)
    await vsi.command("bridge_create", room_id="a", peer_room_id="b", bridge_id="ab")
    for payload, code in (
        ({"room_id": "x"}, 400),
        ({"room_id": "x", "peer_room_id": "y", "direction": "up"}, 400),
        ({"room_id": "x", "peer_room_id": "x"}, 400),
        ({"room_id": "x", "peer_room_id": "a"}, 404),
        ({"room_id": "a", "peer_room_id": "x"}, 404),
        ({"room_id": "a", "peer_room_id": "narrow"}, 400),
        ({"room_id": "a", "peer_room_id": "c", "bridge_id": "ab"}, 409),
        ({"room_id": "b", "peer_room_id": "a"}, 409),
    ):
        with pytest.raises(CommandError) as refused:
            await vsi.command("bridge_create", **payload)
        assert refused.value.code == code, json.dumps(payload)
    for command, payload, code in (
        ("bridge_list", {"room_id": "x"}, 404),
        ("bridge_get", {"room_id": "c", "bridge_id": "ab"}, 404),
        ("bridge_update", {"room_id": "a", "bridge_id": "ab"}, 400),
        ("bridge_update", {"room_id": "c", "bridge_id": "ab", "direction": "send"}, 404),
        ("bridge_delete", {"room_id": "c", "bridge_id": "ab"}, 404),
    ):
        with pytest.raises(CommandError) as refused:
            await vsi.command(command, **payload)
        assert refused.value.code == code, command
    async with server.rest() as rest:
        made = await rest.post("/rooms/b/bridges", json={"id": "bc", "room_id": "c", "direction": "receive"})
        assert made.status_code == 201
        view = {"id": "bc", "room_id": "b", "direction": "send", "sample_rate": 16000}
        assert (await rest.get("/rooms/c/bridges")).json() == [view]
        patched = await rest.patch("/rooms/c/bridges/bc", json={"direction": "none"})
        assert patched.json() == {"instance_id": "test", **view, "direction": "none"}
        assert (await rest.delete("/rooms/c/bridges/bc")).json() == {"instance_id": "test", "status": "deleted"}
        assert (await rest.get("/rooms/c/bridges/bc")).status_code == 404
