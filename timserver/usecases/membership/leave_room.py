"""Leave, kick, ban, unban, knock, forget.

Spec: https://spec.matrix.org/v1.19/client-server-api/#leaving-rooms
"""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, UserID
from timserver.store import rooms
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.membership.changing import Change, change_membership, membership_of
from timserver.usecases.rooms.live import current_room, must_current_room


async def leave_room(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, reason: str | None = None
) -> None:
    """Leave, refuse an invite or withdraw a knock; nothing for who has left already."""
    room = await must_current_room(ctx, tenant, room_id)
    if await membership_of(ctx, tenant, room, requester.user_id) == "leave":
        if room.members.get(requester.user_nid) is None:
            raise errors.Forbidden("You are not in this room")
        return
    change = Change(target=requester.user_id, membership="leave", reason=reason)
    await change_membership(ctx, tenant, requester, room, change)


async def kick_user(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, target: UserID, reason: str | None
) -> None:
    """Remove somebody from the room."""
    room = await _room_of_member(ctx, tenant, requester, room_id)
    current = await membership_of(ctx, tenant, room, target)
    if current in ("leave", "ban"):
        raise errors.Forbidden("The user is not in this room")
    await change_membership(
        ctx, tenant, requester, room, Change(target=target, membership="leave", reason=reason)
    )


async def ban_user(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, target: UserID, reason: str | None
) -> None:
    """Remove somebody and keep them out."""
    room = await must_current_room(ctx, tenant, room_id)
    await change_membership(
        ctx, tenant, requester, room, Change(target=target, membership="ban", reason=reason)
    )


async def unban_user(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, target: UserID, reason: str | None
) -> None:
    """Lift a ban; raises `BadState` for who is not banned."""
    room = await _room_of_member(ctx, tenant, requester, room_id)
    if await membership_of(ctx, tenant, room, target) != "ban":
        raise errors.BadState("The user is not banned")
    await change_membership(
        ctx, tenant, requester, room, Change(target=target, membership="leave", reason=reason)
    )


async def _room_of_member(ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID) -> LiveRoom:
    """The room; to others than its members it says nothing, not even who is banned."""
    room = await must_current_room(ctx, tenant, room_id)
    if await membership_of(ctx, tenant, room, requester.user_id) != "join":
        raise errors.Forbidden("You are not in this room")
    return room


async def knock_room(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, reason: str | None
) -> None:
    """Ask to be let in; nothing for who has knocked already."""
    room = await current_room(ctx, tenant, room_id)
    if room is None:
        raise errors.NotFound("Room not found here, and no other server can be asked")
    if await membership_of(ctx, tenant, room, requester.user_id) == "knock":
        return
    change = Change(target=requester.user_id, membership="knock", reason=reason)
    await change_membership(ctx, tenant, requester, room, change)


async def forget_room(ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID) -> None:
    """Take a room that was left out of sight; raises `Unknown` (400) for a room that the user is in."""
    room = await must_current_room(ctx, tenant, room_id)
    if room.members.get(requester.user_nid) is None:
        raise errors.Forbidden("You are not in this room")
    if await membership_of(ctx, tenant, room, requester.user_id) not in ("leave", "ban"):
        raise errors.Unknown("You are still in this room", status=400)
    async with ctx.database.transaction(tenant) as conn:
        await rooms.forget(conn, tenant, requester.user_nid, room.room_nid)
