"""What an upgrade takes over, and that the authorization rules let the upgrader send it."""

from typing import Any

import pytest

from tests.support.rooms import ALICE, ALL, BOB, CAROL, Room
from timserver.matrix import room_upgrade
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.room_presets import StateEvent
from timserver.matrix.room_versions import ROOM_VERSIONS

DAVE = UserID("@dave:a.example")
LAST = EventID("$last")


def old_room(version: str = "10", create: Any = None, **levels: Any) -> Room:
    """Alice's room with a name, an ACL, a space's parent and child; dave is banned, bob is an admin."""
    room = Room(version, create).joined(ALICE, BOB)
    listed = {} if version == "12" else {ALICE: 100}
    room.with_levels(**{"users": {**listed, BOB: 50}, "ban": 50, **levels})
    room.with_join_rule("invite")
    for event_type, key, content in (
        ("m.room.name", "", {"name": "Ward"}),
        ("m.room.server_acl", "", {"allow": ["*"]}),
        ("m.room.pinned_events", "", {"pinned": ["$x"]}),
        ("m.space.child", "!child:a.example", {"via": ["a.example"]}),
        ("m.space.child", "!gone:a.example", {}),
        ("m.space.parent", "!parent:a.example", {"via": ["a.example"]}),
        ("org.example.secret", "", {"x": 1}),
    ):
        room.accept(room.event(ALICE, event_type, content, state_key=key))
    room.accept(room.member(ALICE, DAVE, "ban", reason="spam", displayname="Dave"))
    return room


def create_content(room: Room, version: str, **more: Any) -> Any:
    more = {"additional_creators": [], **more}
    old_create = room.state["m.room.create", ""]
    return room_upgrade.create_content(
        ROOM_VERSIONS[version], ALICE, old_create=old_create, last_event_id=LAST, **more
    )


def copied(room: Room, version: str, *creators: UserID) -> list[StateEvent]:
    return room_upgrade.copied_state(room.version, ROOM_VERSIONS[version], creators or (ALICE,), room.state)


def final_levels(events: list[StateEvent]) -> Any:
    return [event.content for event in events if event.type == "m.room.power_levels"][-1]


def test_the_new_room_names_its_predecessor_and_keeps_type_and_federation() -> None:
    room = old_room(create={"type": "m.space", "m.federate": False, "org.example": 1})
    assert create_content(room, "11") == {
        "room_version": "11",
        "predecessor": {"room_id": room.room_id, "event_id": LAST},
        "type": "m.space",
        "m.federate": False,
    }
    assert create_content(room, "10")["creator"] == ALICE


def test_version_12_needs_no_event_id_and_takes_named_creators_only() -> None:
    room = old_room("12", {"additional_creators": [CAROL]})
    assert create_content(room, "12") == {"room_version": "12", "predecessor": {"room_id": room.room_id}}
    named = create_content(room, "12", additional_creators=[BOB, ALICE, BOB])
    assert named["additional_creators"] == [BOB]
    assert "additional_creators" not in create_content(room, "11", additional_creators=[BOB])


def test_what_is_copied() -> None:
    events = copied(old_room(), "11")
    assert [(event.type, event.state_key) for event in events] == [
        ("m.room.power_levels", ""),
        ("m.room.join_rules", ""),
        ("m.room.server_acl", ""),
        ("m.room.name", ""),
        ("m.room.member", DAVE),
        ("m.space.child", "!child:a.example"),
        ("m.space.parent", "!parent:a.example"),
    ]
    assert events[4].content == {"membership": "ban", "reason": "spam"}


def test_an_upgrader_with_too_little_power_gets_it_for_the_copying() -> None:
    room = old_room(users={ALICE: 50, BOB: 90}, events={"m.room.server_acl": 120, "m.room.tombstone": 50})
    events = copied(room, "11")
    assert events[0].content["users"] == {ALICE: 120, BOB: 90}
    assert events[-1].type == "m.room.power_levels"
    assert events[-1].content["users"] == {ALICE: 50, BOB: 90}


def test_levels_become_integers() -> None:
    room = old_room("9", users={ALICE: "100", BOB: 50.7, CAROL: "x"}, ban="60", events={"m.room.name": "5"})
    made = final_levels(copied(room, "11"))
    assert made["users"] == {ALICE: 100, BOB: 50}
    assert (made["ban"], made["events"]) == (60, {"m.room.name": 5})


def test_creators_of_version_12_lose_their_entry_and_tombstones_rise() -> None:
    made = final_levels(copied(old_room(), "12", ALICE, BOB))
    assert made["users"] == {}
    assert made["events"]["m.room.tombstone"] == 150
    assert final_levels(copied(old_room(), "12"))["users"] == {BOB: 50}


def test_privileged_creators_do_not_lose_the_room_in_an_older_version() -> None:
    made = final_levels(copied(old_room("12", {"additional_creators": [CAROL]}), "11"))
    assert made["users"] == {ALICE: 100, BOB: 50, CAROL: 100}


def test_a_room_without_levels_keeps_its_creator() -> None:
    assert final_levels(copied(Room("10").joined(ALICE), "11"))["users"] == {ALICE: 100}


@pytest.mark.parametrize("old", ["1", "6", "9", "10", "11", "12"])
@pytest.mark.parametrize("new", ALL)
def test_the_upgrader_may_send_it_all(old: str, new: str) -> None:
    room = old_room(old, users_default=10) if old == "12" else old_room(old, users={ALICE: 60, BOB: 100})
    replacement = Room(new, create_content(room, new)).joined(ALICE)
    for event in copied(room, new):
        built = replacement.event(ALICE, event.type, event.content, state_key=event.state_key)
        assert replacement.verdict(built) is None, event
        replacement.accept(built)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({}, {"events_default": 50, "invite": 50}),
        ({"users_default": 60}, {"users_default": 60, "events_default": 61, "invite": 61}),
        ({"events_default": 100, "invite": 20}, {"events_default": 100, "invite": 50}),
        ({"events_default": 50, "invite": 50}, None),
    ],
)
def test_the_old_room_is_closed(levels: Any, expected: Any) -> None:
    closing = room_upgrade.closing_levels(ROOM_VERSIONS["11"], levels)
    assert (closing and closing.content) == expected


def test_the_tombstone_points_to_the_new_room() -> None:
    stone = room_upgrade.tombstone(RoomID("!new:a.example"))
    assert (stone.type, stone.state_key) == ("m.room.tombstone", "")
    assert stone.content["replacement_room"] == "!new:a.example"


@pytest.mark.parametrize(
    ("old", "moved", "expected"),
    [
        (None, ["#a:x"], (None, None)),
        ({"alias": "#a:x"}, [], (None, None)),
        ({"alias": "#a:x"}, ["#b:x"], (None, None)),
        ({"alias": "#a:x"}, ["#a:x"], ({"alias": "#a:x"}, {})),
        (
            {"alias": "#a:x", "alt_aliases": ["#b:x", "#c:y", 5]},
            ["#a:x", "#b:x"],
            ({"alias": "#a:x", "alt_aliases": ["#b:x"]}, {"alt_aliases": ["#c:y"]}),
        ),
        (
            {"alias": "#c:y", "alt_aliases": ["#b:x"]},
            ["#b:x"],
            ({"alt_aliases": ["#b:x"]}, {"alias": "#c:y"}),
        ),
    ],
)
def test_aliases_move(old: Any, moved: list[str], expected: Any) -> None:
    assert room_upgrade.moved_alias(old, moved) == expected
