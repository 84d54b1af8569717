"""A user types, or no longer.

Spec: https://spec.matrix.org/v1.19/client-server-api/#typing-notifications
"""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID
from timserver.store import ephemeral, log
from timserver.store.live_rooms import JOIN
from timserver.store.streams import TYPING, Fact
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms.live import must_current_room


async def set_typing(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, timeout_ms: int | None
) -> None:
    """With a time out in milliseconds the user types, without one no longer. Raises `Forbidden` outside the room."""
    room = await must_current_room(ctx, tenant, room_id)
    if room.membership_of(requester.user_nid) != JOIN:
        raise errors.Forbidden("You are not in this room")
    now_ms = ctx.clock.now_ms()
    expires_ts = now_ms + min(timeout_ms, ctx.settings.limits.typing_ms_max) if timeout_ms else 0
    async with ctx.database.transaction(tenant) as conn:
        typed = await ephemeral.is_typing(conn, tenant, room.room_nid, requester.user_nid, now_ms)
        if not expires_ts and not typed:
            return
        position = await log.take(conn, tenant)
        await ephemeral.set_typing(conn, tenant, room.room_nid, requester.user_nid, expires_ts, position)
    ctx.streams.publish(tenant, position, [Fact(position, TYPING, room.room_nid, 0)])
    if room.has_servers:
        ctx.streams.send(tenant)
