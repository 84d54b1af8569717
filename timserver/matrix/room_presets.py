"""The state of a new room: what `/createRoom` asks for as the list of events to send, in the spec's order.

Invites come last and are a use case of their own, since each of them may be refused.

Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from timserver.matrix import errors, ids
from timserver.matrix.event import get_list, get_object
from timserver.matrix.ids import RoomAlias, UserID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.power_levels import CREATOR_DEFAULT, DEFAULTS, read_level
from timserver.matrix.room_versions import RoomVersion

MEGOLM: Final = "m.megolm.v1.aes-sha2"
TOMBSTONE_LEVEL: Final = 150
GUESTS_DEFAULT: Final = "forbidden"
"""What a room without a word on guests says; so nothing is sent."""


class Preset(StrEnum):
    """The named sets of default state."""

    PRIVATE_CHAT = "private_chat"
    TRUSTED_PRIVATE_CHAT = "trusted_private_chat"
    PUBLIC_CHAT = "public_chat"


class StateEvent(msgspec.Struct, frozen=True):
    """A state event to be built and sent; also the shape of `initial_state`."""

    type: str
    content: JsonObject
    state_key: str = ""


class RoomPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the creator wants. `alias` is complete; `encryption_default`: encrypt unless said otherwise."""

    creator: UserID
    version: RoomVersion
    preset: Preset
    creation_content: JsonObject = {}
    power_level_content_override: JsonObject = {}
    initial_state: Sequence[StateEvent] = ()
    invite: Sequence[UserID] = ()
    name: str | None = None
    topic: str | None = None
    alias: RoomAlias | None = None
    encryption_default: bool = False


def preset_of(preset: Preset | None, visibility: str) -> Preset:
    """The preset asked for, else the one that goes with the directory visibility."""
    if preset is not None:
        return preset
    return Preset.PUBLIC_CHAT if visibility == "public" else Preset.PRIVATE_CHAT


def new_room_state(plan: RoomPlan) -> list[StateEvent]:
    """All state of a new room but the invites. Raises `InvalidParam` or `InvalidRoomState`.

    What is overwritten by a later step is left out. Whether the creator may send it all is for the auth rules.
    """
    # 1. m.room.create.
    create = create_content(plan)
    events = [StateEvent("m.room.create", create)]
    # 2. The creator's join. Profile fields are added by who sends it.
    events.append(StateEvent("m.room.member", {"membership": "join"}, plan.creator))
    # 3. m.room.power_levels.
    events.append(StateEvent("m.room.power_levels", _power_levels(plan, create)))
    # 4. m.room.canonical_alias.
    if plan.alias is not None:
        events.append(StateEvent("m.room.canonical_alias", {"alias": plan.alias}))
    # 5. The preset's events. 6. initial_state. 7. Name and topic.
    later = _name_and_topic(plan)
    initial = _not_overwritten(plan.initial_state, later)
    return [*events, *_not_overwritten(_preset_events(plan), [*initial, *later]), *initial, *later]


def create_content(plan: RoomPlan) -> dict[str, JsonValue]:
    """The content of `m.room.create`: the creator's keys, under those that the server decides."""
    content = dict(plan.creation_content)
    content.pop("creator", None)
    content["room_version"] = plan.version.identifier
    if not plan.version.creator_is_sender:
        content["creator"] = plan.creator
    if plan.version.privileged_creators:
        additional = _additional_creators(plan)
        content.pop("additional_creators", None)
        if additional:
            content["additional_creators"] = additional
    return content


def _additional_creators(plan: RoomPlan) -> list[UserID]:
    """Those asked for, and with `trusted_private_chat` the invited; each once, not the creator."""
    asked = parse_additional_creators(plan.creation_content.get("additional_creators", []))
    trusted = plan.invite if plan.preset is Preset.TRUSTED_PRIVATE_CHAT else ()
    return [user_id for user_id in dict.fromkeys([*asked, *trusted]) if user_id != plan.creator]


def parse_additional_creators(value: JsonValue) -> list[UserID]:
    """The user ids in `additional_creators`, or `InvalidParam`."""
    if not isinstance(value, list):
        raise errors.InvalidParam("additional_creators must be an array of user IDs")
    try:
        return [ids.parse_user_id(user_id if isinstance(user_id, str) else "") for user_id in value]
    except ids.InvalidID:
        raise errors.InvalidParam("additional_creators must be an array of user IDs") from None


def _power_levels(plan: RoomPlan, create: JsonObject) -> JsonObject:
    content: dict[str, JsonValue] = {
        "users": _users(plan),
        "users_default": 0,
        "events": {
            "m.room.name": 50,
            "m.room.avatar": 50,
            "m.room.topic": 50,
            "m.room.canonical_alias": 50,
            "m.room.power_levels": 100,
            "m.room.history_visibility": 100,
            "m.room.join_rules": 100,
            "m.room.guest_access": 100,
            "m.room.encryption": 100,
            "m.room.server_acl": 100,
            "m.room.tombstone": 100,
        },
        "events_default": 0,
        "state_default": 50,
        "ban": 50,
        "kick": 50,
        "redact": 50,
        "invite": 50 if plan.preset is Preset.PUBLIC_CHAT else 0,
    }
    if plan.version.privileged_creators:
        content["events"] = {**(get_object(content, "events") or {}), "m.room.tombstone": TOMBSTONE_LEVEL}
    content.update(plan.power_level_content_override)
    if not plan.version.privileged_creators:
        return content
    creators = {plan.creator, *(get_list(create, "additional_creators") or ())}
    if creators & (get_object(content, "users") or {}).keys():
        raise errors.InvalidRoomState("Room creators cannot be listed in the power levels")
    return guard_tombstone(plan.version, content)


def _users(plan: RoomPlan) -> JsonObject:
    """The creator, and with `trusted_private_chat` the invited; they are creators instead since version 12."""
    if plan.version.privileged_creators:
        return {}
    trusted = plan.invite if plan.preset is Preset.TRUSTED_PRIVATE_CHAT else ()
    return dict.fromkeys([plan.creator, *trusted], CREATOR_DEFAULT)


def guard_tombstone(version: RoomVersion, content: JsonObject) -> JsonObject:
    """With the level for tombstones above `state_default`, as rooms need it that have privileged creators."""
    state_default = read_level(version, content.get("state_default"))
    state_default = DEFAULTS["state_default"] if state_default is None else state_default
    events = get_object(content, "events") or {}
    level = read_level(version, events.get("m.room.tombstone"))
    if level is not None and level > state_default:
        return content
    return {**content, "events": {**events, "m.room.tombstone": max(TOMBSTONE_LEVEL, state_default + 1)}}


_RULES: Final[Mapping[Preset, tuple[str, str, str]]] = {
    Preset.PRIVATE_CHAT: ("invite", "shared", "can_join"),
    Preset.TRUSTED_PRIVATE_CHAT: ("invite", "shared", "can_join"),
    Preset.PUBLIC_CHAT: ("public", "shared", "forbidden"),
}


def _preset_events(plan: RoomPlan) -> list[StateEvent]:
    join_rule, history_visibility, guest_access = _RULES[plan.preset]
    events = [
        StateEvent("m.room.join_rules", {"join_rule": join_rule}),
        StateEvent("m.room.history_visibility", {"history_visibility": history_visibility}),
    ]
    if guest_access != GUESTS_DEFAULT:
        events.append(StateEvent("m.room.guest_access", {"guest_access": guest_access}))
    if plan.encryption_default:
        events.append(StateEvent("m.room.encryption", {"algorithm": MEGOLM}))
    return events


def _name_and_topic(plan: RoomPlan) -> list[StateEvent]:
    events = []
    if plan.name is not None:
        events.append(StateEvent("m.room.name", {"name": plan.name}))
    if plan.topic is not None:
        blocks: JsonObject = {"m.text": [{"body": plan.topic}]}
        events.append(StateEvent("m.room.topic", {"topic": plan.topic, "m.topic": blocks}))
    return events


def _not_overwritten(events: Iterable[StateEvent], later: Iterable[StateEvent]) -> list[StateEvent]:
    keys = {(event.type, event.state_key) for event in later}
    return [event for event in events if (event.type, event.state_key) not in keys]
