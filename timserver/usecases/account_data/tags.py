"""Tags of rooms: one piece of account data, `m.tag`, changed field by field.

The position is taken first, so that two changes of one room's tags come one after the other.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, UserID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.store import account_data, log
from timserver.store.streams import ACCOUNT_DATA, Fact
from timserver.tenancy import Requester, Tenant
from timserver.usecases.account_data.rooms import room_nid_of
from timserver.usecases.accounts.ownership import check_own

TAG: Final = "m.tag"
TAG_BYTES_MAX: Final = 255
TAGS_PER_ROOM_MAX: Final = 100


async def read_tags(
    ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID, room_id: RoomID
) -> dict[str, JsonValue]:
    """The tags by name."""
    check_own(requester, user_id)
    room_nid = await room_nid_of(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant) as conn:
        return _tags(await account_data.get(conn, tenant, requester.user_nid, room_nid, TAG))


async def set_tag(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    user_id: UserID,
    room_id: RoomID,
    tag: str,
    content: JsonObject,
) -> None:
    """Add or replace a tag."""
    order = content.get("order")
    if order is not None and (isinstance(order, bool) or not isinstance(order, int | float)):
        raise errors.BadJson("order must be a number")
    if len(tag.encode()) > TAG_BYTES_MAX:
        raise errors.InvalidParam(f"A tag has at most {TAG_BYTES_MAX} bytes")

    def add(tags: dict[str, JsonValue]) -> None:
        if tag not in tags and len(tags) >= TAGS_PER_ROOM_MAX:
            raise errors.UserLimitExceeded("Too many tags")
        tags[tag] = content

    await _change(ctx, tenant, requester, user_id, room_id, add)


async def delete_tag(
    ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID, room_id: RoomID, tag: str
) -> None:
    """Remove a tag; nothing when it is not there."""
    await _change(ctx, tenant, requester, user_id, room_id, lambda tags: tags.pop(tag, None))


async def _change(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    user_id: UserID,
    room_id: RoomID,
    change: Callable[[dict[str, JsonValue]], object],
) -> None:
    check_own(requester, user_id)
    room_nid = await room_nid_of(ctx, tenant, room_id)
    await change_tags(ctx, tenant, requester.user_nid, room_nid, change)


async def change_tags(
    ctx: Context,
    tenant: Tenant,
    user_nid: int,
    room_nid: int,
    change: Callable[[dict[str, JsonValue]], object],
) -> None:
    """Step: whatever becomes of a user's tags of a room."""
    async with ctx.database.transaction(tenant) as conn:
        position = await log.take(conn, tenant)
        tags = _tags(await account_data.get(conn, tenant, user_nid, room_nid, TAG))
        change(tags)
        content = msgspec.json.encode({"tags": tags})
        if len(content) > ctx.settings.limits.account_data_bytes_max:
            raise errors.TooLarge("The tags are too large")
        await account_data.put(conn, tenant, user_nid, room_nid, TAG, content, position)
    ctx.streams.publish(tenant, position, [Fact(position, ACCOUNT_DATA, 0, user_nid)])


def _tags(content: bytes | None) -> dict[str, JsonValue]:
    tags = msgspec.json.decode(content).get("tags") if content else None
    return tags if isinstance(tags, dict) else {}
