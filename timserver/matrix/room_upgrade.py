"""Room upgrades: what the new room takes over, and what becomes of the old one.

The use case sends, in this order: the new room's create event, the upgrader's join, `copied_state`, then with the
aliases moved `moved_alias`, in the old room `tombstone` and `closing_levels`.

Spec: https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from timserver.matrix import power_levels
from timserver.matrix.event import Event, StateKey, get_list, get_object, get_str
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.power_levels import CREATOR_DEFAULT, DEFAULTS, LevelName, PowerLevels, read_level
from timserver.matrix.room_presets import StateEvent, guard_tombstone
from timserver.matrix.room_versions import RoomVersion

_COPIED: Final = (
    "m.room.join_rules",
    "m.room.history_visibility",
    "m.room.guest_access",
    "m.room.encryption",
    "m.room.server_acl",
    "m.room.name",
    "m.room.topic",
    "m.room.avatar",
)
_COPIED_PER_KEY: Final = frozenset({"m.space.child", "m.space.parent"})


def create_content(
    version: RoomVersion,
    upgrader: UserID,
    *,
    old_create: Event,
    last_event_id: EventID,
    additional_creators: Collection[UserID],
) -> dict[str, JsonValue]:
    """The content of the new room's create event; `last_event_id` is the last known event of the old room.

    The old room's additional creators are not taken over: they have to be named again.
    """
    predecessor: dict[str, JsonValue] = {"room_id": old_create.room_id}
    if not version.room_id_is_create_hash:
        predecessor["event_id"] = last_event_id
    content: dict[str, JsonValue] = {"room_version": version.identifier, "predecessor": predecessor}
    for name in ("type", "m.federate"):
        if name in old_create.content:
            content[name] = old_create.content[name]
    if not version.creator_is_sender:
        content["creator"] = upgrader
    others = [user_id for user_id in dict.fromkeys(additional_creators) if user_id != upgrader]
    if version.privileged_creators and others:
        content["additional_creators"] = others
    return content


def copied_state(
    old_version: RoomVersion,
    version: RoomVersion,
    creators: Sequence[UserID],
    old_state: Mapping[StateKey, Event],
) -> list[StateEvent]:
    """The state to send into the new room after the upgrader's join, in order.

    `creators`: the new room's, the upgrader first. Bans are repeated, since nobody else can be asked to; other
    memberships cannot be. Where creators have no privilege, the first levels let the upgrader send all the rest, and
    the room's real levels come last.
    """
    wanted = _new_levels(version, creators, power_levels.of_state(old_version, old_state))
    opening = wanted if version.privileged_creators else _opening_levels(version, creators[0], wanted)
    events = [StateEvent("m.room.power_levels", opening)]
    copied = [old_state[event_type, ""] for event_type in _COPIED if (event_type, "") in old_state]
    events += [StateEvent(event.type, event.content) for event in copied]
    for key, event in sorted(old_state.items()):
        if event.type in _COPIED_PER_KEY and event.content:
            events.append(StateEvent(event.type, event.content, key[1]))
        elif event.type == "m.room.member" and event.membership == "ban":
            events.append(StateEvent("m.room.member", _ban(event.content), key[1]))
    if opening != wanted:
        events.append(StateEvent("m.room.power_levels", wanted))
    return events


def _ban(content: JsonObject) -> JsonObject:
    reason = get_str(content, "reason")
    return {"membership": "ban"} if reason is None else {"membership": "ban", "reason": reason}


def _new_levels(version: RoomVersion, creators: Collection[UserID], old: PowerLevels) -> JsonObject:
    """The old room's levels as the new version wants them: integers, and no privileged creators among the users."""
    levels = dict(old.content or {})
    for name in DEFAULTS:
        if name in levels:
            levels[name] = power_levels.named_level(old, name)
    for kind in ("users", "events", "notifications"):
        if kind in levels:
            levels[kind] = _integers(old.version, get_object(levels, kind) or {})
    users = get_object(levels, "users") or {}
    if version.privileged_creators:
        levels["users"] = {user_id: level for user_id, level in users.items() if user_id not in creators}
        return guard_tombstone(version, levels)
    if old.content is None or old.version.privileged_creators:  # what they had without being listed
        levels["users"] = {**users, **dict.fromkeys(sorted(old.creators), CREATOR_DEFAULT)}
    return levels


def _integers(version: RoomVersion, levels: JsonObject) -> JsonObject:
    read = {name: read_level(version, level) for name, level in levels.items()}
    return {name: level for name, level in read.items() if level is not None}


def _opening_levels(version: RoomVersion, upgrader: UserID, wanted: JsonObject) -> JsonObject:
    """The wanted levels with enough for the upgrader to send every event and to put the wanted ones in place."""
    users, events = get_object(wanted, "users") or {}, get_object(wanted, "events") or {}
    needed = [CREATOR_DEFAULT]
    for levels in (users, events, wanted):
        needed += [
            level for level in (read_level(version, value) for value in levels.values()) if level is not None
        ]
    if read_level(version, users.get(upgrader)) == max(needed):
        return wanted
    return {**wanted, "users": {**users, upgrader: max(needed)}}


def moved_alias(
    old_alias: JsonObject | None, moved: Collection[str]
) -> tuple[JsonObject | None, JsonObject | None]:
    """The contents of `m.room.canonical_alias` in the new and in the old room; None where nothing is to be sent.

    `moved` are the local aliases that now point to the new room. Aliases of other servers stay where they are.
    """
    if old_alias is None:
        return None, None
    alias = get_str(old_alias, "alias")
    alternatives = [value for value in get_list(old_alias, "alt_aliases") or [] if isinstance(value, str)]
    if not moved or not ({alias, *alternatives} & set(moved)):
        return None, None
    new = _alias_content(alias if alias in moved else None, [text for text in alternatives if text in moved])
    old = _alias_content(
        alias if alias not in moved else None, [text for text in alternatives if text not in moved]
    )
    return new, old


def _alias_content(alias: str | None, alternatives: Iterable[str]) -> JsonObject:
    content: dict[str, JsonValue] = {} if alias is None else {"alias": alias}
    alternatives = list(alternatives)
    if alternatives:
        content["alt_aliases"] = alternatives
    return content


def tombstone(replacement_room: RoomID) -> StateEvent:
    """The old room's last word."""
    content: JsonObject = {"body": "This room has been replaced", "replacement_room": replacement_room}
    return StateEvent("m.room.tombstone", content)


def closing_levels(version: RoomVersion, levels: JsonObject) -> StateEvent | None:
    """Levels that keep ordinary members of the old room from sending and inviting; None if they already do."""

    def current(name: LevelName) -> int:
        level = read_level(version, levels.get(name))
        return DEFAULTS[name] if level is None else level

    least = max(50, current("users_default") + 1)
    raised = {name: least for name in ("events_default", "invite") if current(name) < least}
    return StateEvent("m.room.power_levels", {**levels, **raised}) if raised else None
