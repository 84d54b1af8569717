"""What /createRoom makes, and that the authorization rules of every version let the creator send it."""

from typing import Any

import pytest

from tests.support.rooms import ALICE, ALL, BOB, CAROL, Room, before
from timserver.matrix import errors, room_presets
from timserver.matrix.ids import RoomAlias
from timserver.matrix.room_presets import Preset, RoomPlan, StateEvent
from timserver.matrix.room_versions import ROOM_VERSIONS


def state_of(version: str = "11", preset: Preset = Preset.PRIVATE_CHAT, **plan: Any) -> list[StateEvent]:
    return room_presets.new_room_state(
        RoomPlan(creator=ALICE, version=ROOM_VERSIONS[version], preset=preset, **plan)
    )


def types(events: list[StateEvent]) -> list[str]:
    return [event.type.removeprefix("m.room.") for event in events]


def content(events: list[StateEvent], event_type: str) -> Any:
    (found,) = [event.content for event in events if event.type == event_type]
    return found


def levels(events: list[StateEvent]) -> Any:
    return content(events, "m.room.power_levels")


def test_the_order_of_the_spec() -> None:
    events = state_of(
        alias=RoomAlias("#ward:a.example"),
        initial_state=[
            StateEvent("m.room.avatar", {"url": "mxc://a/b"}),
            StateEvent("org.example.z", {}, "key"),
        ],
        name="Ward",
        topic="Round at 7",
        encryption_default=True,
    )
    assert types(events) == [
        "create",
        "member",
        "power_levels",
        "canonical_alias",
        "join_rules",
        "history_visibility",
        "guest_access",
        "encryption",
        "avatar",
        "org.example.z",
        "name",
        "topic",
    ]
    assert events[1] == StateEvent("m.room.member", {"membership": "join"}, ALICE)
    assert events[-3].state_key == "key"
    assert content(events, "m.room.canonical_alias") == {"alias": "#ward:a.example"}
    assert content(events, "m.room.topic") == {
        "topic": "Round at 7",
        "m.topic": {"m.text": [{"body": "Round at 7"}]},
    }


@pytest.mark.parametrize(
    ("preset", "join_rule", "guest_access"),
    [
        (Preset.PRIVATE_CHAT, "invite", "can_join"),
        (Preset.TRUSTED_PRIVATE_CHAT, "invite", "can_join"),
        (Preset.PUBLIC_CHAT, "public", None),
    ],
)
def test_presets(preset: Preset, join_rule: str, guest_access: str | None) -> None:
    events = state_of(preset=preset)
    assert content(events, "m.room.join_rules") == {"join_rule": join_rule}
    assert content(events, "m.room.history_visibility") == {"history_visibility": "shared"}
    if guest_access is None:  # as the preset wants it: forbidden
        assert "m.room.guest_access" not in types(events)
    else:
        assert content(events, "m.room.guest_access") == {"guest_access": guest_access}
    assert "encryption" not in types(events)


def test_visibility_chooses_the_preset_unless_it_is_given() -> None:
    assert room_presets.preset_of(None, "public") is Preset.PUBLIC_CHAT
    assert room_presets.preset_of(None, "private") is Preset.PRIVATE_CHAT
    assert room_presets.preset_of(Preset.PRIVATE_CHAT, "public") is Preset.PRIVATE_CHAT


def test_initial_state_overrides_the_preset_and_is_overridden_by_name_and_topic() -> None:
    events = state_of(
        initial_state=[
            StateEvent("m.room.history_visibility", {"history_visibility": "joined"}),
            StateEvent("m.room.encryption", {"algorithm": "org.example"}),
            StateEvent("m.room.name", {"name": "old"}),
            StateEvent("m.room.topic", {"topic": "kept"}),
        ],
        name="new",
        encryption_default=True,
    )
    assert content(events, "m.room.history_visibility") == {"history_visibility": "joined"}
    assert content(events, "m.room.encryption") == {"algorithm": "org.example"}
    assert content(events, "m.room.name") == {"name": "new"}
    assert content(events, "m.room.topic") == {"topic": "kept"}


@pytest.mark.parametrize("version", ALL)
def test_the_server_decides_creator_and_version(version: str) -> None:
    events = state_of(
        version,
        creation_content={"creator": BOB, "room_version": "1", "m.federate": False, "type": "m.space"},
    )
    create = content(events, "m.room.create")
    assert create["room_version"] == version
    assert (create["m.federate"], create["type"]) == (False, "m.space")
    assert create.get("creator") == (ALICE if int(version) < 11 else None)
    assert "additional_creators" not in create


@pytest.mark.parametrize("version", before(12))
def test_the_trusted_have_the_creators_level(version: str) -> None:
    assert levels(state_of(version, invite=[BOB]))["users"] == {ALICE: 100}
    trusted = state_of(version, Preset.TRUSTED_PRIVATE_CHAT, invite=[BOB, CAROL])
    assert levels(trusted)["users"] == {ALICE: 100, BOB: 100, CAROL: 100}
    assert "additional_creators" not in content(trusted, "m.room.create")


def test_the_trusted_are_creators_since_version_12() -> None:
    trusted = state_of(
        "12",
        Preset.TRUSTED_PRIVATE_CHAT,
        invite=[BOB, ALICE],
        creation_content={"additional_creators": [CAROL, BOB, CAROL]},
    )
    assert content(trusted, "m.room.create")["additional_creators"] == [CAROL, BOB]
    assert levels(trusted)["users"] == {}
    assert levels(trusted)["events"]["m.room.tombstone"] == 150
    private = state_of("12", invite=[BOB], creation_content={"additional_creators": []})
    assert "additional_creators" not in content(private, "m.room.create")


@pytest.mark.parametrize(
    "value", ["@bob:b.example", [5], ["bob"], {}, ["@" + "b" * 255 + ":b.example"], None]
)
def test_additional_creators_are_user_ids(value: Any) -> None:
    with pytest.raises(errors.InvalidParam):
        state_of("12", creation_content={"additional_creators": value})
    before_12 = content(state_of("11", creation_content={"additional_creators": value}), "m.room.create")
    assert before_12["additional_creators"] == value


def test_levels_are_overridden_field_by_field() -> None:
    made = levels(state_of(power_level_content_override={"events": {"m.room.name": 0}, "invite": 75}))
    assert made["events"] == {"m.room.name": 0}
    assert (made["invite"], made["ban"], made["users"]) == (75, 50, {ALICE: 100})


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ({}, 150),
        ({"events": {}}, 150),
        ({"events": {"m.room.tombstone": 100}}, 100),
        ({"events": {"m.room.tombstone": 50}}, 150),
        ({"state_default": 200}, 201),
        ({"state_default": 100, "events": {"m.room.tombstone": 101}}, 101),
        ({"events": "nonsense"}, 150),
    ],
)
def test_tombstones_need_more_than_state_since_version_12(override: Any, expected: int) -> None:
    made = levels(state_of("12", power_level_content_override=override))
    assert made["events"]["m.room.tombstone"] == expected


def test_creators_are_not_listed_since_version_12() -> None:
    for user_id in (ALICE, BOB):
        with pytest.raises(errors.InvalidRoomState):
            state_of(
                "12",
                creation_content={"additional_creators": [BOB]},
                power_level_content_override={"users": {user_id: 100}},
            )
    assert levels(state_of("12", power_level_content_override={"users": {BOB: 50}}))["users"] == {BOB: 50}


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("preset", list(Preset))
def test_the_creator_may_send_it_all(version: str, preset: Preset) -> None:
    create, *events = state_of(
        version,
        preset,
        alias=RoomAlias("#ward:a.example"),
        invite=[BOB],
        name="Ward",
        topic="x",
        encryption_default=True,
        initial_state=[StateEvent("m.room.server_acl", {"allow": ["*"]})],
    )
    room = Room(version, create.content)
    for event in events:
        built = room.event(ALICE, event.type, event.content, state_key=event.state_key)
        assert room.verdict(built) is None, event
        room.accept(built)
    invited = room.event(ALICE, "m.room.member", {"membership": "invite", "is_direct": True}, state_key=BOB)
    assert room.verdict(invited) is None
