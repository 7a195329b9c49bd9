"""api.dispatch: from JSON to a command's result, on a real core without SIP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.commands import BY_NAME, COMMANDS
from api.dispatch import merge, perform, plain
from api.models import AddLegResult, Status
from b2bua.core import Core, CoreConfig
from b2bua.errors import Conflict, Invalid, LegroomError, NotFound, NotImplementedYet
from b2bua.events import Published


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    made = Core(CoreConfig(instance_id="here", recording_dir=tmp_path))
    yield made
    await made.tasks.close(1)
    made.mixers.close()
    await made.recorder.close()


async def ask(core: Core, name: str, payload: object = None) -> Any:
    return await perform(core, BY_NAME[name], payload)


async def test_a_room_is_made_listed_and_deleted(core: Core) -> None:
    """Through the table, as a client would, with an event for each."""
    seen: list[Published] = []
    core.bus.subscribe(seen.append)
    room = {"id": "lobby", "app_id": "a", "sample_rate": 8000, "participants": []}
    assert await ask(core, "create_room", {"id": "lobby", "app_id": "a", "sample_rate": 8000}) == room
    assert await ask(core, "list_rooms") == [room]
    assert await ask(core, "get_room", {"id": "lobby"}) == room
    assert await ask(core, "delete_room", {"id": "lobby"}) == {"status": "deleted"}
    assert await ask(core, "list_rooms") == []
    assert [(each.event.type, each.event.app_id) for each in seen] == [("room.created", "a"), ("room.deleted", "a")]


async def test_a_payload_may_be_missing_null_or_full_of_what_nobody_knows(core: Core) -> None:
    """All mean the defaults; null fields too."""
    assert await ask(core, "list_legs") == await ask(core, "list_legs", {"what": 1}) == []
    for payload in (None, {}, {"id": None, "sample_rate": None}):
        assert (await ask(core, "create_room", payload))["sample_rate"] == 16000


@pytest.mark.parametrize(
    ("name", "payload", "error", "text"),
    [
        ("get_leg", None, NotFound, "leg not found: no id given"),
        ("get_leg", {"id": "x"}, NotFound, "leg not found: x"),
        ("delete_room", {"id": "x"}, NotFound, "room not found: x"),
        ("get_room", {"id": 7}, Invalid, "invalid payload: id: "),
        ("get_room", [], Invalid, "invalid payload: "),
        ("get_room", "lobby", Invalid, "invalid payload: "),
        ("create_room", {"sample_rate": 2.5}, Invalid, "invalid payload: sample_rate: "),
        ("create_room", {"sample_rate": 3.0}, Invalid, "invalid payload: sample_rate: "),
        ("create_room", {"sample_rate": "8000"}, Invalid, "invalid payload: sample_rate: "),
        ("create_room", {"sample_rate": 24000}, Invalid, "sample_rate must be one of 8000, 16000, 48000, not 24000"),
        ("create_room", {"id": 1, "app_id": 2}, Invalid, r"invalid payload: id: .*; app_id: "),
        ("create_room", {"webhook_url": "http://x"}, NotImplementedYet, "webhook_url is not supported"),
        ("create_leg", {}, Invalid, 'unknown leg type ""'),
        ("create_leg", {"type": "whatsapp"}, NotImplementedYet, "whatsapp"),
        ("create_leg", {"type": "sip"}, Invalid, "not a SIP URI"),
        ("create_leg", {"type": "sip", "to": "sip:a@b", "codecs": ["MP3"]}, Invalid, 'unknown codec "MP3"'),
        ("create_leg", {"type": "sip", "to": "sip:a@b", "amd": {}}, NotImplementedYet, "amd is not supported"),
        ("create_leg", {"type": "sip", "to": "sip:a@b", "headers": {"a": 1}}, Invalid, "headers.a: "),
        ("add_leg_to_room", {}, Invalid, "room_id is required"),
        ("add_leg_to_room", {"room_id": "r", "leg_id": "l"}, Invalid, "leg not found: l"),
        ("add_leg_to_room", {"room_id": "r", "leg_id": "l", "mute": "yes"}, Invalid, "mute: "),
        ("remove_leg_from_room", {"room_id": "r", "leg_id": "l"}, Invalid, "room not found: r"),
        ("room_record_start", {"id": "r"}, NotFound, "room not found: r"),
        ("room_record_start", {"id": "r", "storage": "tape"}, Invalid, 'storage must be file or s3, not "tape"'),
        ("room_record_stop", {"id": "r"}, NotFound, "room not found: r"),
    ],
)
async def test_bad_input_is_refused_with_what_is_wrong(
    core: Core, name: str, payload: object, error: type[LegroomError], text: str
) -> None:
    """By the class that the edge maps to a status, and nothing has been made on the way."""
    with pytest.raises(error, match=text):
        await ask(core, name, payload)
    assert await ask(core, "list_rooms") == []
    assert await ask(core, "list_legs") == []


async def test_states_that_do_not_allow_it_are_conflicts(core: Core) -> None:
    """A room that exists, a recording of nobody, a recording that is none."""
    await ask(core, "create_room", {"id": "r"})
    with pytest.raises(Conflict, match="room already exists: r"):
        await ask(core, "create_room", {"id": "r"})
    with pytest.raises(Conflict, match="room has no participants"):
        await ask(core, "room_record_start", {"id": "r"})
    with pytest.raises(NotFound, match="recording of room not found: r"):
        await ask(core, "room_record_stop", {"id": "r"})


def test_results_are_plain_data_without_what_is_none() -> None:
    """Under their wire names, alone or in lists."""
    moved = AddLegResult(status="moved", room_id="r", leg_id="l", from_="q", to="r")
    assert plain(moved) == {"status": "moved", "room_id": "r", "leg_id": "l", "from": "q", "to": "r"}
    assert plain([Status(status="ok")]) == [{"status": "ok"}]
    assert plain([]) == []
    assert plain(None) is None


@pytest.mark.parametrize(
    ("command", "body", "path", "payload"),
    [
        ("list_legs", None, {}, {}),
        ("get_leg", None, {"id": "1"}, {"id": "1"}),
        ("add_leg_to_room", {"leg_id": "l"}, {"id": "1"}, {"leg_id": "l", "room_id": "1"}),
        ("delete_leg", {"id": "2", "reason": "busy"}, {"id": "1"}, {"id": "1", "reason": "busy"}),
        (
            "bridge_create",
            {"id": "b", "room_id": "2"},
            {"id": "1"},
            {"bridge_id": "b", "peer_room_id": "2", "room_id": "1"},
        ),
    ],
)
def test_the_path_goes_into_the_payload(
    command: str, body: dict[str, Any] | None, path: dict[str, str], payload: dict[str, Any]
) -> None:
    """Under the fields' names, and wins over the body."""
    assert merge(body, path, BY_NAME[command]) == payload


def test_the_table_has_each_name_and_each_route_once() -> None:
    """And every path parameter is a field of the payload."""
    assert len(BY_NAME) == len(COMMANDS)
    assert len({(command.method, command.path) for command in COMMANDS}) == len(COMMANDS)
    for command in COMMANDS:
        assert set(command.parameters.values()) <= set(command.payload.model_fields)
