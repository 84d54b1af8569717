"""Rule 10, and how levels are read."""

import math

import pytest

from tests.support.rooms import ALICE, ALL, BOB, CAROL, Room, before, since
from timserver.matrix import power_levels
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.room_versions import ROOM_VERSIONS

every_version = pytest.mark.parametrize("version", ALL)
NAMES = list(power_levels.DEFAULTS)


def from_version(first: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("version", since(first))


def before_version(first: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("version", before(first))


def room_of_bob(version: str, **levels: object) -> Room:
    """Bob has 50 and may send power levels."""
    users = levels.pop("users", {})
    assert isinstance(users, dict)
    room = Room(version).joined(ALICE, BOB)
    return room.with_levels(users={BOB: 50, **users}, events={"m.room.power_levels": 0}, **levels)


def verdict_of_bob(room: Room, **changes: object) -> str | None:
    """What is said when bob changes these parts of the levels; None removes."""
    current = room.state["m.room.power_levels", ""].content
    content: JsonObject = {name: value for name, value in {**current, **changes}.items() if value is not None}  # type: ignore[misc]
    return room.verdict(room.levels(BOB, content))


def events(**levels: int) -> dict[str, int]:
    return {"m.room.power_levels": 0, **levels}


# 10.1 to 10.3: the form


@from_version(10)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["50", None, True, {}, []])
def test_10_1_named_levels_are_integers(version: str, name: str, value: JsonValue) -> None:
    room = Room(version).joined(ALICE)
    assert room.verdict(room.levels(ALICE, {name: value})) == "power_levels.not_integer"


@before_version(10)
@pytest.mark.parametrize("name", NAMES)
def test_10_1_old_rooms_take_texts(version: str, name: str) -> None:
    room = Room(version).joined(ALICE)
    assert room.verdict(room.levels(ALICE, {name: " +050\t"})) is None
    values: list[JsonValue] = ["5O", "", "0x5", "5.0", "5 0", "٥", None, True, {}, math.nan, math.inf]
    for value in values:
        assert room.verdict(room.levels(ALICE, {name: value})) == "power_levels.not_integer"


@every_version
@pytest.mark.parametrize("value", [None, [], 1, "x", {"a": "b"}, {"a": None}, {"a": True}])
def test_10_2_events_are_levels(version: str, value: JsonValue) -> None:
    room = Room(version).joined(ALICE)
    assert room.verdict(room.levels(ALICE, {"events": value})) == "power_levels.events_not_integers"
    notifications = room.verdict(room.levels(ALICE, {"notifications": value}))
    assert notifications == ("power_levels.events_not_integers" if version in since(6) else None)


@every_version
@pytest.mark.parametrize("value", [None, [], 1, {BOB: "x"}, {BOB: None}, {BOB: []}])
def test_10_3_users_are_levels(version: str, value: JsonValue) -> None:
    room = Room(version).joined(ALICE)
    assert room.verdict(room.levels(ALICE, {"users": value})) == "power_levels.users_not_integers"


@every_version
@pytest.mark.parametrize("user_id", ["bob", "@bob", "", "@bob:", "@b" + "o" * 255 + ":b.example"])
def test_10_3_users_are_user_ids(version: str, user_id: str) -> None:
    room = Room(version).joined(ALICE)
    assert room.verdict(room.levels(ALICE, {"users": {user_id: 1}})) == "power_levels.users_not_user_ids"


@pytest.mark.parametrize("localpart", ["", "bob", "BOB!", "böb"])
@pytest.mark.parametrize(
    "server_name",
    ["b", "B-1.example", "1.2.3.4", "b:1", "b:65535", "[::]", "[1::a.F]:8448", "[" + "1" * 45 + "]"],
)
def test_10_3_user_ids(localpart: str, server_name: str) -> None:
    room = Room("11").joined(ALICE)
    assert room.verdict(room.levels(ALICE, {"users": {f"@{localpart}:{server_name}": 1}})) is None


@pytest.mark.parametrize(
    "server_name",
    [
        "b_", "b:", "b:x", "b:123456", "b:1:1", ":1", "[:]", "[::", "::1", "[::]1", "[::]:", "[::]:x",
        "[::]:123456", "[g::]", "[" + "1" * 46 + "]", "[" + "1" * 46 + "]:1", "b/", "b ",
    ],
)  # fmt: skip
def test_10_3_no_user_ids(server_name: str) -> None:
    room = Room("11").joined(ALICE)
    event = room.levels(ALICE, {"users": {f"@bob:{server_name}": 1}})
    assert room.verdict(event) == "power_levels.users_not_user_ids"


def test_10_3_user_ids_have_at_most_255_bytes_and_no_nul() -> None:
    room = Room("11").joined(ALICE)
    longest = "@" + "b" * 252 + ":b"
    assert room.verdict(room.levels(ALICE, {"users": {longest: 1}})) is None
    for user_id in ("@b" + longest[1:], "@" + "ä" * 127 + ":b", "@b\0:b", "b:b"):
        event = room.levels(ALICE, {"users": {user_id: 1}})
        assert room.verdict(event) == "power_levels.users_not_user_ids"


@from_version(12)
def test_10_4_creators_are_not_listed(version: str) -> None:
    room = Room(version, {"additional_creators": [CAROL]}).joined(ALICE)
    for creator in (ALICE, CAROL):
        event = room.levels(ALICE, {"users": {creator: 100}})
        assert room.verdict(event) == "power_levels.lists_creator"
    assert room.verdict(room.levels(ALICE, {"users": {BOB: 100}})) is None


@before_version(12)
def test_10_4_creators_are_listed_before(version: str) -> None:
    room = Room(version).joined(ALICE)
    assert room.verdict(room.levels(ALICE, {"users": {ALICE: 100}})) is None


# 10.5 to 10.11: what changes


@every_version
def test_10_5_the_first_levels_are_free(version: str) -> None:
    room = Room(version).joined(ALICE)
    assert room.verdict(room.levels(ALICE, {"users": {BOB: 1000}, "ban": 1000})) is None


@every_version
@pytest.mark.parametrize("name", NAMES)
def test_10_6_named_levels(version: str, name: str) -> None:
    low = room_of_bob(version, **{name: 50})
    assert verdict_of_bob(low) is None
    assert verdict_of_bob(low, **{name: 49}) is None
    assert verdict_of_bob(low, **{name: None}) is None
    assert verdict_of_bob(low, **{name: 51}) == "power_levels.new_above_sender"
    high = room_of_bob(version, **{name: 51})
    if name != "users_default":  # with it, bob's own level would still be 50
        assert verdict_of_bob(high) is None
    assert verdict_of_bob(high, **{name: 50}) == "power_levels.current_above_sender"
    assert verdict_of_bob(high, **{name: None}) == "power_levels.current_above_sender"
    unset = room_of_bob(version)
    assert verdict_of_bob(unset, **{name: 50}) is None
    assert verdict_of_bob(unset, **{name: 51}) == "power_levels.new_above_sender"


@every_version
def test_10_7_and_10_8_events(version: str) -> None:
    room = room_of_bob(version)
    room.with_levels(users={BOB: 50}, events=events(low=50, high=51))
    assert verdict_of_bob(room, events=events(high=51)) is None
    assert verdict_of_bob(room, events=events(low=49, high=51)) is None
    assert verdict_of_bob(room, events=events(low=50, high=51, more=50)) is None
    assert verdict_of_bob(room, events=events(low=50)) == "power_levels.events_current_above_sender"
    assert verdict_of_bob(room, events=events(low=50, high=50)) == "power_levels.events_current_above_sender"
    assert verdict_of_bob(room, events=events(low=51, high=51)) == "power_levels.events_new_above_sender"
    more = events(low=50, high=51, more=51)
    assert verdict_of_bob(room, events=more) == "power_levels.events_new_above_sender"


@every_version
def test_10_7_and_10_8_notifications(version: str) -> None:
    known = version in since(6)
    room = room_of_bob(version, notifications={"room": 51, "low": 50})
    assert verdict_of_bob(room, notifications={"room": 51}) is None
    removed = verdict_of_bob(room, notifications={"low": 50})
    assert removed == ("power_levels.notifications_current_above_sender" if known else None)
    raised = verdict_of_bob(room, notifications={"room": 51, "low": 51})
    assert raised == ("power_levels.notifications_new_above_sender" if known else None)


@every_version
def test_10_9_and_10_10_users(version: str) -> None:
    room = room_of_bob(version, users={CAROL: 50, "@dora:a.example": 49, "@emil:a.example": 51})
    base = {BOB: 50, CAROL: 50, "@dora:a.example": 49, "@emil:a.example": 51}

    def verdict(**changes: int | None) -> str | None:
        names = {
            "bob": BOB,
            "carol": CAROL,
            "dora": "@dora:a.example",
            "emil": "@emil:a.example",
            "new": "@n:a.example",
        }
        users = base | {names[name]: level for name, level in changes.items()}
        return verdict_of_bob(room, users={name: level for name, level in users.items() if level is not None})

    assert verdict() is None
    assert verdict(bob=49) is None
    assert verdict(bob=None) is None
    assert verdict(bob=51) == "power_levels.user_above_sender"
    assert verdict(carol=49) == "power_levels.user_not_below_sender"
    assert verdict(carol=None) == "power_levels.user_not_below_sender"
    assert verdict(emil=1) == "power_levels.user_not_below_sender"
    assert verdict(dora=50) is None
    assert verdict(dora=None) is None
    assert verdict(dora=51) == "power_levels.user_above_sender"
    assert verdict(new=50) is None
    assert verdict(new=51) == "power_levels.user_above_sender"


@before_version(10)
def test_10_6_spelling_is_no_change(version: str) -> None:
    room = room_of_bob(version, ban="100", users={CAROL: "100"})
    assert verdict_of_bob(room, ban=100, users={BOB: 50, CAROL: 100}) is None
    assert verdict_of_bob(room, ban="99") == "power_levels.current_above_sender"


@from_version(12)
def test_10_11_creators_may_set_anything(version: str) -> None:
    room = room_of_bob(version, users={BOB: 2**53 - 1})
    assert room.verdict(room.levels(ALICE, {"users": {}, "ban": 2**53 - 1})) is None


# Reading


def level(version: str, content: JsonObject | None, user_id: str, **create: object) -> power_levels.Level:
    room = Room(version, create).joined(ALICE)  # type: ignore[arg-type]
    if content is not None:
        room.with_levels(**content)
    return power_levels.user_level(power_levels.of_state(room.version, room.state), user_id)


@every_version
def test_levels_without_an_event(version: str) -> None:
    assert level(version, None, ALICE) == (math.inf if version in since(12) else 100)
    assert level(version, None, BOB) == 0


@every_version
def test_levels_with_an_event(version: str) -> None:
    content: JsonObject = {"users": {BOB: 7}, "users_default": 3}
    assert level(version, content, BOB) == 7
    assert level(version, content, CAROL) == 3
    assert level(version, content, ALICE) == (math.inf if version in since(12) else 3)
    assert level(version, {"users": 1, "users_default": {}}, BOB) == 0


@every_version
def test_additional_creators(version: str) -> None:
    expected = math.inf if version in since(12) else 0
    assert level(version, {}, BOB, additional_creators=[BOB, 1]) == expected
    assert level(version, {}, BOB, additional_creators=BOB) == 0


@every_version
def test_additional_creators_without_levels(version: str) -> None:
    room = Room(version, {"additional_creators": [BOB]}).joined(ALICE, BOB, CAROL)
    kick = room.verdict(room.member(BOB, CAROL, "leave"))
    assert (kick is None) == (version in since(12))


@before_version(11)
def test_the_creator_stands_in_the_content(version: str) -> None:
    assert level(version, None, BOB, creator=BOB) == 100
    assert level(version, None, ALICE, creator=BOB) == 0
    assert level(version, None, ALICE, creator=1) == 100


READINGS: list[tuple[JsonValue, int | None, int | None]] = [
    (5, 5, 5), (-5, -5, -5), (True, None, None), (None, None, None), ([], None, None), ({}, None, None),
    ("5", 5, None), ("-5", -5, None), (" \n+0005\t", 5, None), ("5.0", None, None), ("", None, None),
    ("1e2", None, None), ("1_000", None, None), ("9" * 300, None, None), ("9" * 200, 2**63 - 1, None),
    ("-" + "9" * 200, -(2**63) + 1, None), (5.9, 5, None), (-5.9, -5, None), (5.114698e4, 51146, None),
    (1e300, 2**63 - 1, None), (math.inf, None, None), (math.nan, None, None), (2**70, 2**63 - 1, 2**63 - 1),
    ("9" * 255, 2**63 - 1, None), ("9" * 256, None, None), (" " * 254 + "7", 7, None), ("+-7", None, None),
    ("- 7", None, None), ("\v7\f\r", 7, None), ("\x1f7", None, None), ("7\u3000", None, None), (0.0, 0, None),
    (-(2**70), -(2**63) + 1, -(2**63) + 1), (-1e300, -(2**63) + 1, None), (2**63, 2**63 - 1, 2**63 - 1),
]  # fmt: skip


@pytest.mark.parametrize(("value", "old", "new"), READINGS)
def test_read_level(value: JsonValue, old: int | None, new: int | None) -> None:
    assert power_levels.read_level(ROOM_VERSIONS["1"], value) == old
    assert power_levels.read_level(ROOM_VERSIONS["9"], value) == old
    assert power_levels.read_level(ROOM_VERSIONS["10"], value) == new


@pytest.mark.parametrize(("value", "old", "new"), READINGS)
@pytest.mark.parametrize("version", ["1", "9", "10"])
def test_a_level_suffices_for_itself(
    version: str, value: JsonValue, old: int | None, new: int | None
) -> None:
    level = (new if version == "10" else old) or 0  # users without a level have 0
    room = Room(version).joined(ALICE, BOB)
    message = room.event(BOB, "m.room.message", {})
    assert room.with_levels(users={BOB: value}, events={message.type: level}).verdict(message) is None
    if level < 2**63 - 1:
        room.with_levels(users={BOB: value}, events={message.type: level + 1})
        assert room.verdict(message) == "sender.level"


@every_version
def test_level_to_send(version: str) -> None:
    room = Room(version).joined(ALICE)
    levels = power_levels.of_state(room.version, room.state)
    assert power_levels.level_to_send(levels, "m.room.message", is_state=False) == 0
    assert power_levels.level_to_send(levels, "m.room.topic", is_state=True) == 50
    room.with_levels(events={"a": 7}, events_default=1, state_default=2)
    levels = power_levels.of_state(room.version, room.state)
    assert power_levels.level_to_send(levels, "a", is_state=False) == 7
    assert power_levels.level_to_send(levels, "a", is_state=True) == 7
    assert power_levels.level_to_send(levels, "b", is_state=False) == 1
    assert power_levels.level_to_send(levels, "b", is_state=True) == 2
