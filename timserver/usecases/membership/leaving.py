"""Step: a local user's own leave, here or by way of another server."""

from timserver.context import Context
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.federation.leave_elsewhere import is_elsewhere, leave_elsewhere
from timserver.usecases.membership.changing import Change, change_membership
from timserver.usecases.rooms.live import state_event


async def leave(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom, reason: str | None = None
) -> None:
    """End the membership of whatever kind. Raises `Forbidden` when the room does not allow it."""
    member = await state_event(ctx, tenant, room, "m.room.member", requester.user_id)
    if member is not None and is_elsewhere(tenant, room, member):
        await leave_elsewhere(ctx, tenant, requester, room, member, reason)
        return
    change = Change(target=requester.user_id, membership="leave", reason=reason)
    await change_membership(ctx, tenant, requester, room, change)
