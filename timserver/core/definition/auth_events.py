"""Which events of the state authorize an event, and whether an event names the right ones.

Spec: https://spec.matrix.org/v1.19/server-server-api/#auth-events-selection
"""

from collections.abc import Iterable

from timserver.core.rejected import Rejected
from timserver.matrix.event import Event, StateKey, get_object, get_str
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import RoomVersion

_JOIN_RULES_MATTER = ("join", "invite", "knock")


def auth_keys(
    version: RoomVersion, event_type: str, sender: str, state_key: str | None, content: JsonObject
) -> list[StateKey]:
    """The state keys whose events, as far as the state has them, an event must name as its `auth_events`."""
    if event_type == "m.room.create":
        return []
    keys: list[StateKey] = [] if version.room_id_is_create_hash else [("m.room.create", "")]
    keys += [("m.room.power_levels", ""), ("m.room.member", sender)]
    if event_type == "m.room.member" and state_key is not None:
        keys += _member_keys(version, state_key, content)
    return list(dict.fromkeys(keys))


def state_keys(
    version: RoomVersion, event_type: str, sender: str, state_key: str | None, content: JsonObject
) -> list[StateKey]:
    """What `check_auth` must find in its state: the auth keys, and the create event in every room version."""
    keys = auth_keys(version, event_type, sender, state_key, content)
    if event_type == "m.room.create" or not version.room_id_is_create_hash:
        return keys
    return [("m.room.create", ""), *keys]


def _member_keys(version: RoomVersion, target: str, content: JsonObject) -> list[StateKey]:
    membership = get_str(content, "membership")
    keys: list[StateKey] = [("m.room.member", target)]
    if membership in _JOIN_RULES_MATTER:
        keys.append(("m.room.join_rules", ""))
    if membership == "invite":
        signed = get_object(get_object(content, "third_party_invite") or {}, "signed") or {}
        token = get_str(signed, "token")
        if token is not None:
            keys.append(("m.room.third_party_invite", token))
    if membership == "join" and version.restricted:
        authorising_user = get_str(content, "join_authorised_via_users_server")
        if authorising_user is not None:
            keys.append(("m.room.member", authorising_user))
    return keys


def check_auth_events(version: RoomVersion, event: Event, auth_events: Iterable[Event]) -> Rejected | None:
    """Rule 3: the events that `event` names as its `auth_events`, all of which are given."""
    if event.type == "m.room.create":
        return None  # rule 1 decides alone
    allowed = set(auth_keys(version, event.type, event.sender, event.state_key, event.content))
    seen: set[StateKey] = set()
    for auth_event in auth_events:
        if not auth_event.is_state:
            return Rejected("auth_events.not_selected", "3.2")
        # 3.1. Duplicate entries for a type and state key
        if auth_event.key in seen:
            return Rejected("auth_events.duplicate", "3.1")
        seen.add(auth_event.key)
        # 3.2. Entries that the selection does not give
        if auth_event.key not in allowed:
            return Rejected("auth_events.not_selected", "3.2")
        # 3.3. Entries that were rejected
        if auth_event.rejected:
            return Rejected("auth_events.rejected", "3.3")
        # 3.5. Entries of another room
        if auth_event.room_id != event.room_id:
            return Rejected("auth_events.other_room", "3.5")
    # 3.4 before version 12. No create event among the entries
    if not version.room_id_is_create_hash and ("m.room.create", "") not in seen:
        return Rejected("auth_events.no_create", "v11.2.4")
    return None
