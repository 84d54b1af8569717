"""The corpus of state resolutions (`tests/corpus/state_resolution`), each case a story with its result by version."""

import json
from pathlib import Path

import msgspec
import pytest

from tests.support.random_rooms import with_pdu
from tests.support.rooms import ALICE
from timserver import core
from timserver.core.definition import state_resolution
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import ROOM_VERSIONS, RoomVersion

CORPUS = Path(__file__).parents[1] / "corpus" / "state_resolution"


class EventCase(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    sender: str
    type: str
    state_key: str | None
    content: dict[str, object]
    ts: int
    auth: list[str]
    prev: list[str] = []
    rejected: bool = False


class ResultCase(msgspec.Struct, forbid_unknown_fields=True):
    versions: list[str]
    state: list[str]


class Case(msgspec.Struct, forbid_unknown_fields=True):
    story: str
    events: list[EventCase]
    states: list[list[str]]
    results: list[ResultCase]


def event_of(version: RoomVersion, case: EventCase, depth: int) -> Event:
    content = dict(case.content)
    if case.type == "m.room.create" and not version.creator_is_sender:
        content["creator"] = ALICE
    if case.type == "m.room.power_levels" and version.privileged_creators:
        users = content.get("users", {})
        assert isinstance(users, dict)
        content["users"] = {user: level for user, level in users.items() if user != ALICE}
    create_is_implied = version.room_id_is_create_hash
    event = Event(
        event_id=EventID("$" + case.id),
        room_id=RoomID("!create" if create_is_implied else "!room:a.example"),
        sender=UserID(case.sender),
        type=case.type,
        state_key=case.state_key,
        content=content,  # type: ignore[arg-type]
        origin_server_ts=case.ts,
        depth=depth,
        prev_events=tuple(EventID("$" + name) for name in case.prev),
        auth_events=tuple(
            EventID("$" + name) for name in case.auth if not (create_is_implied and name == "create")
        ),
        redacts=None,
        hashes={},
        signatures={},
        pdu=b"",
        rejected=case.rejected,
    )
    return with_pdu(event)


CASES = {
    path.stem: msgspec.json.decode(path.read_bytes(), type=Case) for path in sorted(CORPUS.glob("*.json"))
}
RUNS = [
    pytest.param(case, result, version, id=f"{name}-{version}")
    for name, case in CASES.items()
    for result in case.results
    for version in result.versions
]


@pytest.mark.parametrize(("case", "result", "version"), RUNS)
def test_corpus(case: Case, result: ResultCase, version: str) -> None:
    room_version = ROOM_VERSIONS[version]
    listed = [event_of(room_version, event, depth) for depth, event in enumerate(case.events)]
    events = {event.event_id: event for event in listed}
    states = [
        {events[EventID("$" + name)].key: EventID("$" + name) for name in names} for names in case.states
    ]
    resolved = core.resolve(room_version, states, events)
    assert {event_id[1:] for event_id in resolved.values()} == set(result.state)
    assert core.resolve(room_version, states[::-1], events) == resolved
    assert state_resolution.resolve(room_version, states, events) == resolved


def test_every_case_has_a_story() -> None:
    assert len(CASES) >= 16
    for case in CASES.values():
        assert case.story.endswith(".")
        assert json.dumps(case.story).isascii()


def test_nothing_is_resolved_without_conflict() -> None:
    state: JsonObject = {}
    assert core.resolve(ROOM_VERSIONS["12"], [state, state], {}) == {}  # type: ignore[list-item]
