"""Step: what another server shows of a room with an invite or a knock, checked and stripped for our user.

Entries are whole events since Matrix 1.16; servers before that send them stripped, which cannot be checked. From room
version 12 on only whole events are taken, and the create event among them proves the room's id.

Spec: https://spec.matrix.org/v1.19/server-server-api/#inviting-to-a-room
"""

from collections.abc import Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.event import Event, get_object, get_str
from timserver.matrix.ids import RoomID, is_user_id
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import RoomVersion
from timserver.tenancy import Tenant
from timserver.usecases.federation.opening import Refused, open_pdus

_ONLY_IN_PDUS = frozenset({"hashes", "signatures", "auth_events", "prev_events"})


async def read_shown_state(
    ctx: Context, tenant: Tenant, version: RoomVersion, room_id: RoomID, entries: Sequence[bytes]
) -> list[JsonObject]:
    """The stripped events, without what is wrong; from room version 12 on nothing may be wrong, and the create event
    must be there. Raises `InvalidParam`, and `MissingParam` when it is not (of the two errcodes that the spec has for that,
    the one of the prose and of MSC4311).
    """
    limits = ctx.settings.limits
    size_bytes = sum(len(entry) for entry in entries)
    if len(entries) > limits.shown_state_events_max or size_bytes > limits.shown_state_bytes_max:
        raise errors.InvalidParam("Too much state is shown")
    opened = await open_pdus(ctx, tenant, version, [bytes(entry) for entry in entries])
    is_strict = version.room_id_is_create_hash
    shown: dict[tuple[str, str], JsonObject] = {}
    for entry, found in zip(entries, opened, strict=True):
        stripped = _of_event(found, room_id) if isinstance(found, Event) else None
        if stripped is None and is_strict:
            raise errors.InvalidParam("The state that is shown is not valid", inner=str(found))
        if stripped is None and isinstance(found, Refused):
            stripped = _of_stripped(entry)
        if stripped is not None:
            shown[str(stripped["type"]), str(stripped["state_key"])] = stripped
    if is_strict and ("m.room.create", "") not in shown:
        raise errors.MissingParam("The create event is not shown")
    return list(shown.values())


def version_shown(entries: Sequence[bytes]) -> str:
    """The version of a room whose invite cannot tell it (`/v1/invite`): 2 if its create event says so, else 1."""
    for entry in entries:
        stripped = _fields(entry)
        if get_str(stripped, "type") == "m.room.create":
            content = get_object(stripped, "content") or {}
            return "2" if get_str(content, "room_version") == "2" else "1"
    return "1"


def _fields(entry: bytes) -> JsonObject:
    """The entry's members, none when it is no object."""
    try:
        value = msgspec.json.decode(entry, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return value  # type: ignore[return-value]


def _of_event(event: Event, room_id: RoomID) -> JsonObject | None:
    if not event.is_state or event.room_id != room_id:
        return None
    return _stripped(event.type, event.state_key, event.sender, event.content)


def _of_stripped(entry: bytes) -> JsonObject | None:
    """An entry that never was a whole event; what pretends to be one and was refused is not shown."""
    fields = _fields(entry)
    event_type, state_key, sender = (get_str(fields, name) for name in ("type", "state_key", "sender"))
    content = get_object(fields, "content")
    if _ONLY_IN_PDUS & fields.keys() or event_type is None or state_key is None or content is None:
        return None
    if sender is None or not is_user_id(sender):
        return None
    return _stripped(event_type, state_key, sender, content)


def _stripped(event_type: str, state_key: str | None, sender: str, content: JsonObject) -> JsonObject:
    return {"type": event_type, "state_key": state_key, "sender": sender, "content": content}
