"""Somebody looks at one room from outside.

Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias
"""

from timserver.context import Context
from timserver.matrix import errors
from timserver.store import rooms
from timserver.store.live_rooms import MEMBERSHIP_NAMES
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms.resolve import resolve_room
from timserver.usecases.rooms.summaries import Summary, is_open_to, summarize


async def summarize_room(
    ctx: Context, tenant: Tenant, requester: Requester, room_id_or_alias: str
) -> tuple[Summary, str | None]:
    """The summary and the user's membership. Raises `NotFound` for what the user may not look at."""
    room_id = await resolve_room(ctx, tenant, room_id_or_alias)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        row = await rooms.find_room(conn, tenant, room_id)
        found = await summarize(conn, tenant, [row]) if row else {}
        own = await rooms.rooms_of(conn, tenant, requester.user_nid)
    memberships = {mine.room_id: mine for mine in own}
    if row is None or not is_open_to(found[room_id], memberships):
        raise errors.NotFound("Room not found")
    mine = memberships.get(room_id)
    return found[room_id], MEMBERSHIP_NAMES[mine.membership] if mine else None


async def mutual_rooms(ctx: Context, tenant: Tenant, requester: Requester, user_id: str) -> list[str]:
    """Rooms where the requester and another user are joined, in a fixed order.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mutual_rooms
    """
    if user_id == requester.user_id:
        raise errors.InvalidParam("That is yourself")
    async with ctx.database.transaction(tenant) as conn:
        return await rooms.mutual_rooms(conn, tenant, requester.user_nid, user_id)
