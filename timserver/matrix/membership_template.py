"""Templates of member events: what a resident server proposes to another server's user, and what the other makes of it.

The rule that matters (RELIABILITY E2): a template is read for its values and never signed. The event that is signed
is built here, of what the caller wants and of the four things that only the resident server can know: what the event
follows, what authorizes it, its depth, and who grants a restricted join.

Spec: https://spec.matrix.org/v1.19/server-server-api/#joining-rooms
"""

from typing import Final

import msgspec

from timserver.matrix import canonical_json, ids, pdu
from timserver.matrix.errors import BadJson
from timserver.matrix.event import Event, get_int, get_list, get_object, get_str
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.pdu import PduTemplate
from timserver.matrix.room_versions import EventIdFormat, RoomVersion

GRANTED_BY: Final = "join_authorised_via_users_server"
_MEMBER: Final = "m.room.member"
_PLACEHOLDER: Final = EventID("$template")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The membership that a local user wants in a room of others."""

    room_id: RoomID
    user_id: UserID
    membership: str
    content: JsonObject
    """What the user's own server says besides: profile, reason."""
    resident: ServerName
    """Who is asked."""


def read_template(
    version: RoomVersion,
    wanted: Wanted,
    template: JsonObject,
    *,
    origin_server_ts: int,
    event_id: EventID | None = None,
) -> PduTemplate:
    """The event to sign. `event_id` is for rooms of version 1 and 2. Raises BadJson for a template of anything else."""
    # The checks that `/make_join`, `/make_leave` and `/make_knock` demand
    _must("room_id", template.get("room_id"), wanted.room_id)
    _must("sender", template.get("sender"), wanted.user_id)
    _must("state_key", template.get("state_key"), wanted.user_id)
    _must("type", template.get("type"), _MEMBER)
    content = get_object(template, "content") or {}
    _must("membership", content.get("membership"), wanted.membership)
    prev_events, prev_hashes = _references(version, template, "prev_events", pdu.PREV_EVENTS_MAX)
    auth_events, auth_hashes = _references(version, template, "auth_events", pdu.AUTH_EVENTS_MAX)
    if not prev_events or not auth_events:
        raise BadJson("The template follows nothing")
    depth = get_int(template, "depth")
    if depth is None or not 0 <= depth <= canonical_json.INTEGER_MAX:
        raise BadJson("The template has no depth in range")
    return PduTemplate(
        room_id=wanted.room_id,
        sender=wanted.user_id,
        type=_MEMBER,
        state_key=wanted.user_id,
        content={**wanted.content, "membership": wanted.membership, **_grant(version, wanted, content)},
        prev_events=prev_events,
        auth_events=auth_events,
        depth=depth,
        origin_server_ts=origin_server_ts,
        event_id=event_id,
        reference_hashes={**prev_hashes, **auth_hashes},
    )


def _must(name: str, found: JsonValue, wanted: str) -> None:
    if found != wanted:
        raise BadJson("The template is not of the event that was asked for", inner=f"template {name}")


def _grant(version: RoomVersion, wanted: Wanted, content: JsonObject) -> dict[str, JsonValue]:
    """Who grants a restricted join: a user of the resident server, which vouches for it with its own signature."""
    if wanted.membership != "join" or not version.restricted or GRANTED_BY not in content:
        return {}
    user_id = get_str(content, GRANTED_BY) or ""
    if not ids.is_user_id(user_id) or ids.server_name_of(UserID(user_id)) != wanted.resident:
        raise BadJson("The template names another server's user as granting the join")
    return {GRANTED_BY: user_id}


def _references(
    version: RoomVersion, template: JsonObject, name: str, count_max: int
) -> tuple[tuple[EventID, ...], dict[EventID, str]]:
    """Ids of other events, each once, and in rooms of version 1 and 2 their hashes."""
    references = get_list(template, name)
    if references is None or len(references) > count_max:
        raise BadJson(f"The template has no {name}, or too many")
    hashes: dict[EventID, str] = {}
    found = []
    for reference in references:
        if version.event_id_format is EventIdFormat.GIVEN:
            event_id, sha256 = _with_hash(version, reference)
            hashes[event_id] = sha256
        else:
            event_id = pdu.parse_event_id(version, reference)
        found.append(event_id)
    return tuple(dict.fromkeys(found)), hashes


def _with_hash(version: RoomVersion, reference: JsonValue) -> tuple[EventID, str]:
    if isinstance(reference, list) and len(reference) == 2 and isinstance(reference[1], dict):
        sha256 = get_str(reference[1], "sha256")
        if sha256 is not None and len(sha256) <= pdu.FIELD_SIZE_BYTES_MAX:
            return pdu.parse_event_id(version, reference[0]), sha256
    raise BadJson("The template refers to others without their hashes")


def to_send(version: RoomVersion, template: PduTemplate, resident: ServerName) -> dict[str, JsonValue]:
    """A template of ours, as the answer of `/make_join` has it."""
    given = version.event_id_format is EventIdFormat.GIVEN
    named = msgspec.structs.replace(template, event_id=_PLACEHOLDER if given else None)
    unhashed = pdu.unhashed(version, named)
    unhashed.pop("event_id", None)
    return {**unhashed, "origin": resident}


def to_authorize(version: RoomVersion, template: PduTemplate, co_signer: ServerName | None) -> Event:
    """The event that a template may become, for the auth rules alone: nobody has signed it.

    `co_signer` is the server that would sign besides the sender's, because one of its users grants the join.
    """
    return pdu.event_of_template(
        version,
        template,
        event_id=_PLACEHOLDER,
        data=b"{}",
        hashes={},
        signatures={co_signer: {"ed25519:later": ""}} if co_signer else {},
    )
