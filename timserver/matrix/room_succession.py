"""What of a user's settings for a room goes along into the room that replaces it (push rules apart).

Spec: https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
"""

from timserver.matrix.event import Event, get_list, get_object, get_str
from timserver.matrix.ids import RoomID
from timserver.matrix.json_types import JsonObject, JsonValue


def predecessor_of(create: Event) -> RoomID | None:
    """The room that a room says it replaces."""
    room_id = get_str(get_object(create.content, "predecessor") or {}, "room_id")
    return RoomID(room_id) if room_id is not None and room_id != create.room_id else None


def is_replaced_by(tombstone: Event | None, room_id: RoomID) -> bool:
    """Does the old room say so, too? Else anybody could claim to replace a room."""
    return tombstone is not None and get_str(tombstone.content, "replacement_room") == room_id


def direct_rooms(content: JsonObject, old: RoomID, new: RoomID) -> JsonObject | None:
    """`m.direct` with the new room beside the old one; None when there is nothing to change."""
    changed: dict[str, JsonValue] = {}
    for user_id in content:
        rooms = get_list(content, user_id) or []
        if old in rooms and new not in rooms:
            changed[user_id] = [*rooms, new]
    return {**content, **changed} if changed else None
