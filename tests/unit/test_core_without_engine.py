"""Without the engine the definition runs, with the same outcome."""

import json

import msgspec
import pytest

from tests.support.random_rooms import RandomRoom
from timserver import core
from timserver.core import choice, resolution, sealing
from timserver.core.definition import state_resolution_v2
from timserver.matrix import pdu, signing
from timserver.matrix.errors import BadJson
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.room_versions import ROOM_VERSIONS

KEY = signing.make_signing_key("ed25519:1", bytes(range(32)))
VERSION = ROOM_VERSIONS["11"]
TEMPLATE = pdu.PduTemplate(
    room_id=RoomID("!r:a.example"),
    sender=UserID("@alice:a.example"),
    type="m.room.message",
    content={"body": "hi"},
    prev_events=(),
    auth_events=(),
    depth=1,
    origin_server_ts=1,
)


def sealed(template: pdu.PduTemplate = TEMPLATE) -> Event:
    return core.seal(VERSION, template, server_name=ServerName("a.example"), signing_key=KEY)


def test_sealing_and_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    by_engine = sealed()
    opened_by_engine = core.open_pdu(VERSION, by_engine.pdu)
    monkeypatch.setattr(sealing, "HAS_ENGINE", False)
    assert msgspec.structs.asdict(sealed()) == msgspec.structs.asdict(by_engine)
    opened = core.open_pdu(VERSION, by_engine.pdu)
    assert msgspec.structs.asdict(opened.event) == msgspec.structs.asdict(opened_by_engine.event)
    assert (opened.hash_matches, opened.signed) == (True, opened_by_engine.signed)


@pytest.mark.parametrize("has_engine", [True, False])
def test_duplicate_keys_are_refused_in_every_room(monkeypatch: pytest.MonkeyPatch, has_engine: bool) -> None:
    data = sealed().pdu
    twice = data[:-1] + b',"type":"m.room.message"}'
    assert json.loads(twice) == json.loads(data)
    monkeypatch.setattr(sealing, "HAS_ENGINE", has_engine)
    for version in ("3", "11"):
        with pytest.raises(BadJson):
            core.open_pdu(ROOM_VERSIONS[version], twice)


@pytest.mark.parametrize("content", [{"x": 1.5}, {"x": 2**60}, {"x": 2**80}, {"x": "\ud800"}])
def test_content_that_has_no_canonical_form(content: dict[str, object]) -> None:
    with pytest.raises(BadJson):
        sealed(msgspec.structs.replace(TEMPLATE, content=content))


def test_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    room = RandomRoom("11", 7).grow(30)
    states = [room.states[event_id] for event_id in room.random.sample(sorted(room.states), 3)]
    by_engine = core.resolve(room.version, states, room.events)
    monkeypatch.setattr(resolution, "HAS_ENGINE", False)
    assert core.resolve(room.version, states, room.events) == by_engine


def test_numbers_of_old_rooms_do_not_matter() -> None:
    room = RandomRoom("5", 7).grow(30)
    states = [room.states[event_id] for event_id in room.random.sample(sorted(room.states), 3)]
    expected = core.resolve(room.version, states, room.events)
    odd = {
        event_id: msgspec.structs.replace(event, pdu=event.pdu[:-1] + b',"x":1.5}')
        for event_id, event in room.events.items()
    }
    assert core.resolve(room.version, states, odd) == expected


def test_what_sets_no_state_is_no_power_event() -> None:
    room = RandomRoom("11", 3)
    message = room.grow(1).events[next(reversed(room.events))]
    message = msgspec.structs.replace(message, event_id=EventID("$m"), type="m.room.message", state_key=None)
    state = room.states[message.prev_events[0]]
    events = {**room.events, message.event_id: message}
    assert state_resolution_v2.resolve(room.version, state, {message.event_id}, events) == state


def test_verification_by_the_definition() -> None:
    signature = signing.sign(KEY, b"m")
    items = [(KEY.public_key, b"m", signature), (KEY.public_key, b"n", signature)]
    assert choice.verify_by_definition(items) == core.verify(items) == [True, False]
