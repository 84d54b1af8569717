"""Somebody looks at one room from outside; of a room where nobody of us is, other servers tell.

Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias
"""

from collections.abc import Sequence

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.store import rooms
from timserver.store.live_rooms import MEMBERSHIP_NAMES
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms.remote_spaces import SpacesElsewhere
from timserver.usecases.rooms.resolve import locate_room
from timserver.usecases.rooms.summaries import Summary, is_open_to, summarize


async def summarize_room(
    ctx: Context, tenant: Tenant, requester: Requester, room_id_or_alias: str, via: Sequence[ServerName] = ()
) -> tuple[Summary, str | None]:
    """The summary and the user's membership. Raises `NotFound` for what the user may not look at."""
    located = await locate_room(ctx, tenant, room_id_or_alias)
    async with ctx.database.transaction(tenant) as conn:
        own = await rooms.rooms_of(conn, tenant, requester.user_nid)
    memberships = {mine.room_id: mine for mine in own}
    found = await _here(ctx, tenant, located.room_id)
    if found is None:
        elsewhere = SpacesElsewhere(ctx, tenant, suggested_only=False)
        told = await elsewhere.room(located.room_id, list(dict.fromkeys((*via, *located.servers))))
        found = told[0] if told else None
    if found is None or not is_open_to(found, memberships):
        raise errors.NotFound("Room not found")
    mine = memberships.get(located.room_id)
    return found, MEMBERSHIP_NAMES[mine.membership] if mine else None


async def _here(ctx: Context, tenant: Tenant, room_id: RoomID) -> Summary | None:
    """If somebody of us is in the room; else what we know of it is old."""
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        row = await rooms.find_room(conn, tenant, room_id)
        if row is None or not await rooms.with_local_members(conn, tenant, [row.room_nid]):
            return None
        return (await summarize(conn, tenant, [row]))[room_id]


async def mutual_rooms(ctx: Context, tenant: Tenant, requester: Requester, user_id: str) -> list[str]:
    """Rooms where the requester and another user are joined, in a fixed order.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mutual_rooms
    """
    if user_id == requester.user_id:
        raise errors.InvalidParam("That is yourself")
    async with ctx.database.transaction(tenant) as conn:
        return await rooms.mutual_rooms(conn, tenant, requester.user_nid, user_id)
