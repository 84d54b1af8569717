from typing import Any

import msgspec
import pytest

from timserver.matrix import relations
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.relations import Relation


def made(event_id: str, content: JsonObject) -> Event:
    return Event(
        event_id=EventID(event_id),
        room_id=RoomID("!room:example.org"),
        sender=UserID("@alice:example.org"),
        type="m.room.message",
        state_key=None,
        content=content,
        origin_server_ts=1,
        depth=1,
        prev_events=(),
        auth_events=(),
        redacts=None,
        hashes={},
        signatures={},
        pdu=b"{}",
    )


def relates(rel_type: object, event_id: object, **more: object) -> Any:
    return {"m.relates_to": {"rel_type": rel_type, "event_id": event_id, **more}}


ORIGINAL = made("$original", {"body": "hi"})
NEW = {"m.new_content": {"body": "ho"}}
EDIT = made("$edit", {**relates("m.replace", "$original"), **NEW})


def test_relations_are_read() -> None:
    assert relations.read_relation(relates("m.annotation", "$e", key="👍")) == Relation(
        "m.annotation", "$e", "👍", False
    )
    threaded = relates("m.thread", "$root", is_falling_back=True, **{"m.in_reply_to": {"event_id": "$last"}})
    assert relations.read_relation(threaded) == Relation("m.thread", "$root", None, True)
    assert relations.read_reply(threaded) == "$last"


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"m.relates_to": None},
        {"m.relates_to": "$e"},
        {"m.relates_to": {}},
        {"m.relates_to": {"m.in_reply_to": {"event_id": "$e"}}},
        relates(5, "$e"),
        relates("", "$e"),
        relates("m" * 256, "$e"),
        relates("m.thread", None),
        relates("m.thread", "no event"),
        relates("m.thread", "$"),
        relates("m.thread", "$" + "ü" * 128),
    ],
)
def test_what_breaks_the_schema_is_no_relation(content: Any) -> None:
    assert relations.read_relation(content) is None


@pytest.mark.parametrize("reply", [None, "$e", {}, {"event_id": 5}, {"event_id": "e"}])
def test_what_breaks_the_schema_is_no_reply(reply: Any) -> None:
    assert relations.read_reply({"m.relates_to": {"m.in_reply_to": reply}}) is None


def test_who_claims_to_relate_starts_no_thread() -> None:
    assert relations.has_rel_type(relates(None, None))
    assert not relations.has_rel_type({"m.relates_to": {"m.in_reply_to": {"event_id": "$e"}}})


def test_a_valid_edit() -> None:
    assert relations.is_valid_edit(ORIGINAL, EDIT)


def change(event: Event, **changes: Any) -> Event:
    return msgspec.structs.replace(event, **changes)


@pytest.mark.parametrize(
    ("original", "edit"),
    [
        (ORIGINAL, change(EDIT, room_id="!other:example.org")),
        (ORIGINAL, change(EDIT, sender="@bob:example.org")),
        (ORIGINAL, change(EDIT, type="m.sticker")),
        (ORIGINAL, change(EDIT, state_key="")),
        (change(ORIGINAL, state_key=""), EDIT),
        (change(ORIGINAL, content={**relates("m.replace", "$first"), **NEW}), EDIT),
        (ORIGINAL, change(EDIT, content=relates("m.replace", "$original"))),
        (ORIGINAL, change(EDIT, content={**relates("m.replace", "$original"), "m.new_content": "text"})),
        (ORIGINAL, change(EDIT, content={**relates("m.thread", "$original"), **NEW})),
        (ORIGINAL, change(EDIT, content={**relates("m.replace", "$other"), **NEW})),
        (ORIGINAL, change(EDIT, content=NEW)),
    ],
)
def test_each_rule_for_edits(original: Event, edit: Event) -> None:
    assert not relations.is_valid_edit(original, edit)


def test_encrypted_edits_hide_their_new_content() -> None:
    original = change(ORIGINAL, type="m.room.encrypted")
    edit = change(EDIT, type="m.room.encrypted", content=relates("m.replace", "$original"))
    assert relations.is_valid_edit(original, edit)


def test_an_event_in_a_thread_may_be_edited() -> None:
    assert relations.is_valid_edit(change(ORIGINAL, content=relates("m.thread", "$root")), EDIT)


def test_the_newest_valid_edit_counts() -> None:
    older = change(EDIT, event_id="$z", origin_server_ts=1)
    newer_a = change(EDIT, event_id="$a", origin_server_ts=2)
    newer_b = change(EDIT, event_id="$b", origin_server_ts=2)
    invalid = change(EDIT, event_id="$c", origin_server_ts=3, sender="@bob:example.org")
    assert relations.latest_edit(ORIGINAL, [newer_a, invalid, newer_b, older]) is newer_b
    assert relations.latest_edit(ORIGINAL, [invalid]) is None


def test_no_references_no_bundle() -> None:
    assert relations.bundle_references([]) is None
