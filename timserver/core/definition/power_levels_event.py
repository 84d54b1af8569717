"""Rule 10: m.room.power_levels."""

from collections.abc import Iterator, Mapping
from typing import get_args

from timserver.core.definition.facts import Facts
from timserver.core.rejected import Rejected
from timserver.matrix import ids
from timserver.matrix.event import get_object
from timserver.matrix.json_types import JsonObject
from timserver.matrix.power_levels import Level, LevelName, read_level
from timserver.matrix.room_versions import RoomVersion

_NAMES: tuple[LevelName, ...] = get_args(LevelName)
_Change = tuple[str, int | None, int | None]  # name, current level, new level


def check(facts: Facts) -> Rejected | None:
    """Rule 10, for a sender who may send the event type."""
    version, content = facts.version, facts.event.content
    # 10.1.-10.3. The event's form
    rejected = _check_form(version, content)
    if rejected is not None:
        return rejected
    # 10.4. Creators are not listed
    if version.privileged_creators and facts.levels.creators & (get_object(content, "users") or {}).keys():
        return Rejected("power_levels.lists_creator", "10.4")
    # 10.5. The first power levels of a room
    current = facts.levels.content
    if current is None:
        return None
    sender_level = facts.sender_level
    return (
        _check_names(_changes(_named(version, current), _named(version, content)), sender_level)
        or _check_entries(facts, current, "events", sender_level)
        or (
            _check_entries(facts, current, "notifications", sender_level) if _notifications(version) else None
        )
        or _check_users(facts, current, sender_level)
    )


def _check_form(version: RoomVersion, content: JsonObject) -> Rejected | None:
    # 10.1. The named levels are levels. Differs from the spec before version 10, which does not say what levels
    # that cannot be read do: here they reject, too, as other servers do.
    if any(name in content and read_level(version, content[name]) is None for name in _NAMES):
        return Rejected("power_levels.not_integer", "10.1")
    # 10.2. events and notifications are maps of levels
    if not _are_levels(version, content, "events") or (
        _notifications(version) and not _are_levels(version, content, "notifications")
    ):
        return Rejected("power_levels.events_not_integers", "10.2")
    # 10.3. users is a map of user ids to levels
    if not _are_levels(version, content, "users"):
        return Rejected("power_levels.users_not_integers", "10.3")
    if not all(ids.is_user_id(user_id) for user_id in get_object(content, "users") or {}):
        return Rejected("power_levels.users_not_user_ids", "10.3")
    return None


def _notifications(version: RoomVersion) -> bool:
    return version.notification_levels_auth


def _are_levels(version: RoomVersion, content: JsonObject, name: str) -> bool:
    if name not in content:
        return True
    entries = get_object(content, name)
    return entries is not None and all(read_level(version, value) is not None for value in entries.values())


def _named(version: RoomVersion, content: JsonObject) -> dict[str, int]:
    return _levels(version, {name: content[name] for name in _NAMES if name in content})


def _levels(version: RoomVersion, entries: JsonObject) -> dict[str, int]:
    levels = ((name, read_level(version, value)) for name, value in entries.items())
    return {name: level for name, level in levels if level is not None}


def _changes(current: Mapping[str, int], new: Mapping[str, int]) -> Iterator[_Change]:
    for name in sorted(current.keys() | new.keys()):
        if current.get(name) != new.get(name):
            yield name, current.get(name), new.get(name)


def _entry_changes(facts: Facts, current: JsonObject, name: str) -> Iterator[_Change]:
    old = _levels(facts.version, get_object(current, name) or {})
    new = _levels(facts.version, get_object(facts.event.content, name) or {})
    return _changes(old, new)


def _check_names(changes: Iterator[_Change], sender_level: Level) -> Rejected | None:
    for _, current, new in changes:
        # 10.6.1. The current value is above the sender's level
        if current is not None and current > sender_level:
            return Rejected("power_levels.current_above_sender", "10.6.1")
        # 10.6.2. The new value is
        if new is not None and new > sender_level:
            return Rejected("power_levels.new_above_sender", "10.6.2")
    return None


def _check_entries(facts: Facts, current: JsonObject, name: str, sender_level: Level) -> Rejected | None:
    for _, old, new in _entry_changes(facts, current, name):
        # 10.7. A changed or removed entry is above the sender's level
        if old is not None and old > sender_level:
            return Rejected(f"power_levels.{name}_current_above_sender", "10.7.1")
        # 10.8. An added or changed entry is
        if new is not None and new > sender_level:
            return Rejected(f"power_levels.{name}_new_above_sender", "10.8.1")
    return None


def _check_users(facts: Facts, current: JsonObject, sender_level: Level) -> Rejected | None:
    for user_id, old, new in _entry_changes(facts, current, "users"):
        # 10.9. A changed or removed entry of another is not below the sender's level
        if old is not None and user_id != facts.event.sender and old >= sender_level:
            return Rejected("power_levels.user_not_below_sender", "10.9.1")
        # 10.10. An added or changed entry is above it
        if new is not None and new > sender_level:
            return Rejected("power_levels.user_above_sender", "10.10.1")
    return None
