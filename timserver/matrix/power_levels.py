"""Reading power levels: the defaults, creators, and the spellings that old rooms tolerate.

Spec: https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels
"""

import math
import re
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from timserver.matrix.event import Event, StateKey, get_object, get_str
from timserver.matrix.ids import UserID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.room_versions import RoomVersion

Level = int | float  # an integer, or INFINITE
INFINITE: Final = math.inf

LevelName = Literal["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"]
DEFAULTS: Final[Mapping[LevelName, int]] = {
    "users_default": 0,
    "events_default": 0,
    "state_default": 50,
    "ban": 50,
    "redact": 50,
    "kick": 50,
    "invite": 0,
}
CREATOR_DEFAULT: Final = 100  # while the room has no power levels, before version 12

_INT64_MAX: Final = 2**63 - 1
_INTEGER: Final = re.compile(r"\s*([+-]?[0-9]+)\s*\Z", re.ASCII)


class PowerLevels(msgspec.Struct, frozen=True):
    """The levels of a room at one state. Nothing is copied out of the content before it is asked for."""

    version: RoomVersion
    content: JsonObject | None  # of m.room.power_levels, None when the room has none
    creators: frozenset[str]  # in all versions; privileged only from version 12


def of_state(version: RoomVersion, state: Mapping[StateKey, Event]) -> PowerLevels:
    """The levels in a state that has the room's create event."""
    levels = state.get(("m.room.power_levels", ""))
    return PowerLevels(
        version, levels.content if levels else None, creators(version, state["m.room.create", ""])
    )


def creators(version: RoomVersion, create: Event) -> frozenset[str]:
    """The room's creators; one before version 12."""
    if not version.creator_is_sender:
        return frozenset({get_str(create.content, "creator") or create.sender})
    if not version.privileged_creators:
        return frozenset({create.sender})
    additional = create.content.get("additional_creators")
    listed = additional if isinstance(additional, list) else []
    return frozenset({create.sender, *(user_id for user_id in listed if isinstance(user_id, str))})


def user_level(levels: PowerLevels, user_id: str) -> Level:
    """What a user may."""
    is_creator = user_id in levels.creators
    if is_creator and levels.version.privileged_creators:
        return INFINITE
    if levels.content is None:
        return CREATOR_DEFAULT if is_creator else DEFAULTS["users_default"]
    own = read_level(levels.version, (get_object(levels.content, "users") or {}).get(user_id))
    return own if own is not None else named_level(levels, "users_default")


def named_level(levels: PowerLevels, name: LevelName) -> int:
    """A level that has its own name, or its default."""
    level = read_level(levels.version, (levels.content or {}).get(name))
    return level if level is not None else DEFAULTS[name]


def level_to_send(levels: PowerLevels, event_type: str, *, is_state: bool) -> int:
    """The level needed to send an event of this type."""
    events = get_object(levels.content or {}, "events") or {}
    level = read_level(levels.version, events.get(event_type))
    if level is not None:
        return level
    return named_level(levels, "state_default" if is_state else "events_default")


def may_send(levels: PowerLevels, user_id: UserID, event_type: str, *, is_state: bool) -> bool:
    """Whether the user's level suffices for events of this type (membership is another question)."""
    return user_level(levels, user_id) >= level_to_send(levels, event_type, is_state=is_state)


def read_level(version: RoomVersion, value: JsonValue) -> int | None:
    """The level that a value means, or None when it means none.

    Differs from the spec: what goes beyond 64 bit is taken as the greatest (least) 64-bit integer.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _clamp(value)
    if version.integer_power_levels:
        return None
    if isinstance(value, float):
        return _clamp(int(value)) if math.isfinite(value) else None
    if isinstance(value, str) and len(value) <= 255:
        match = _INTEGER.match(value)
        return _clamp(int(match[1])) if match else None
    return None


def _clamp(value: int) -> int:
    return max(-_INT64_MAX, min(value, _INT64_MAX))
