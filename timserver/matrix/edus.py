"""EDUs as they go out: JSON objects of the spec's shapes, and what belongs into one together.

Spec: https://spec.matrix.org/v1.19/server-server-api/#edus
"""

from collections.abc import Sequence

import msgspec

from timserver.matrix.json_types import JsonObject, JsonValue

PRESENCE_NAMES = ("offline", "unavailable", "online")
ACTIVE_MS = 60_000
"""Who did something within a minute is currently active."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A public read receipt of a local user; `thread` is '' when unthreaded."""

    room_id: str
    user_id: str
    event_id: str
    ts: int
    thread: str


class UserPresence(msgspec.Struct, frozen=True, kw_only=True):
    """What a local user is: 0 offline, 1 unavailable, 2 online."""

    user_id: str
    presence: int
    status_msg: str | None
    last_active_ts: int


class DeviceChange(msgspec.Struct, frozen=True, kw_only=True):
    """A device as it is now; `keys` None when it has none."""

    user_id: str
    device_id: str
    stream_id: int
    prev_id: tuple[int, ...]
    is_deleted: bool
    keys: JsonValue | msgspec.Raw | None
    display_name: str | None = None


def edu(edu_type: str, content: object) -> JsonObject:
    """The envelope."""
    return {"edu_type": edu_type, "content": content}  # type: ignore[dict-item]


def typing(room_id: str, user_id: str, *, is_typing: bool) -> JsonObject:
    """`m.typing`."""
    return edu("m.typing", {"room_id": room_id, "user_id": user_id, "typing": is_typing})


def receipts(found: Sequence[Receipt]) -> list[JsonObject]:
    """`m.receipt`: as few as can be. One has place for one receipt of a user in a room; further threads need another."""
    contents: list[dict[str, dict[str, dict[str, JsonObject]]]] = []
    for receipt in found:
        for content in contents:
            users = content.setdefault(receipt.room_id, {"m.read": {}})["m.read"]
            if receipt.user_id not in users:
                break
        else:
            users = {}
            contents.append({receipt.room_id: {"m.read": users}})
        data: JsonObject = {"ts": receipt.ts, **({"thread_id": receipt.thread} if receipt.thread else {})}
        users[receipt.user_id] = {"event_ids": [receipt.event_id], "data": data}
    return [edu("m.receipt", content) for content in contents]


def presence(found: Sequence[UserPresence], now_ms: int) -> JsonObject:
    """`m.presence` of some users."""
    return edu("m.presence", {"push": [_push(user, now_ms) for user in found]})


def _push(user: UserPresence, now_ms: int) -> JsonObject:
    ago = max(0, now_ms - user.last_active_ts)
    name = PRESENCE_NAMES[user.presence]
    told: JsonObject = {"user_id": user.user_id, "presence": name, "last_active_ago": ago}
    status: JsonObject = {"status_msg": user.status_msg} if user.status_msg is not None else {}
    return {**told, **status, "currently_active": name == "online" and ago < ACTIVE_MS}


def device_list_update(change: DeviceChange) -> JsonObject:
    """`m.device_list_update`. The name of a device is for its owner; it is only told where somebody gives it here."""
    content: dict[str, object] = {
        "user_id": change.user_id,
        "device_id": change.device_id,
        "stream_id": change.stream_id,
        "prev_id": list(change.prev_id),
    }
    if change.is_deleted:
        content["deleted"] = True
    elif change.keys is not None:
        content["keys"] = change.keys
    if change.display_name is not None and not change.is_deleted:
        content["device_display_name"] = change.display_name
    return edu("m.device_list_update", content)


def signing_key_update(user_id: str, keys: dict[str, msgspec.Raw]) -> JsonObject:
    """`m.signing_key_update`; keys by `master_key` and `self_signing_key`."""
    return edu("m.signing_key_update", {"user_id": user_id, **keys})
