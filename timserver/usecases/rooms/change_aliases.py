"""Aliases of rooms: made, read, removed.

Spec: https://spec.matrix.org/v1.19/client-server-api/#room-aliases
"""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.event import get_list
from timserver.matrix.ids import RoomAlias, RoomID, server_name_of
from timserver.matrix.json_types import JsonValue
from timserver.store import aliases, rooms
from timserver.store.database import UniqueViolation
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.appending import append
from timserver.usecases.events.drafts import draft_of
from timserver.usecases.rooms.access import is_world_readable
from timserver.usecases.rooms.live import must_current_room, state_event
from timserver.usecases.rooms.power import may_send_state

_CANONICAL = "m.room.canonical_alias"


async def create_alias(
    ctx: Context, tenant: Tenant, requester: Requester, alias: RoomAlias, room_id: RoomID
) -> None:
    """By every member of the room. Raises `InvalidParam`, `Forbidden`, `RoomInUse` (409)."""
    if server_name_of(alias) != tenant.server_name:
        raise errors.InvalidParam("The alias is not of this server")
    room = await must_current_room(ctx, tenant, room_id)
    if room.membership_of(requester.user_nid) != JOIN and not requester.is_admin:
        raise errors.Forbidden("You are not in this room")
    try:
        async with ctx.database.transaction(tenant) as conn:
            known = await aliases.of_room(conn, tenant, room.room_nid)
            if len(known) >= ctx.settings.limits.aliases_per_room_max:
                raise errors.Forbidden("The room has too many aliases")
            await aliases.insert(conn, tenant, alias, room.room_nid, requester.user_nid)
    except UniqueViolation:
        raise errors.RoomInUse(status=409) from None


async def read_aliases(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID
) -> list[RoomAlias]:
    """Local aliases of a room, for its members or when the world may read it. Raises `Forbidden`."""
    room = await must_current_room(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant) as conn:
        own = await rooms.room_of(conn, tenant, requester.user_nid, room.room_nid)
        is_member = own is not None and own.membership == JOIN
        if not is_member and not await is_world_readable(conn, tenant, room.room_nid):
            raise errors.Forbidden("You are not in this room")
        return [RoomAlias(row.alias) for row in await aliases.of_room(conn, tenant, room.room_nid)]


async def delete_alias(ctx: Context, tenant: Tenant, requester: Requester, alias: RoomAlias) -> None:
    """By who made it, or has the power to say which aliases the room has. Raises `Forbidden`, `NotFound`.

    The room's canonical alias is corrected when the user may do that, too.
    """
    async with ctx.database.transaction(tenant) as conn:
        row = await aliases.find(conn, tenant, alias)
        if row is None:
            raise errors.NotFound("Room alias not found")
        found = await rooms.rooms_by_nid(conn, tenant, [row.room_nid])
    room = await must_current_room(ctx, tenant, RoomID(found[row.room_nid].room_id))
    may_send = await may_send_state(ctx, tenant, requester, room, _CANONICAL)
    if row.creator_nid != requester.user_nid and not may_send and not requester.is_admin:
        raise errors.Forbidden("The alias is not yours")
    async with ctx.database.transaction(tenant) as conn:
        await aliases.delete(conn, tenant, alias)
    if may_send:
        await _correct_canonical(ctx, tenant, requester, room, alias)


async def _correct_canonical(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom, gone: RoomAlias
) -> None:
    event = await state_event(ctx, tenant, room, _CANONICAL)
    if event is None:
        return
    content: dict[str, JsonValue] = {**event.content}
    if content.get("alias") == gone:
        del content["alias"]
    others = get_list(event.content, "alt_aliases") or []
    if gone in others:
        content["alt_aliases"] = [alias for alias in others if alias != gone]
        if not content["alt_aliases"]:
            del content["alt_aliases"]
    if content != event.content:
        await append(ctx, tenant, room, [draft_of(requester, _CANONICAL, content, "")])
