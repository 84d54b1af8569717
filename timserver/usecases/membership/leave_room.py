"""Leave, kick, ban, unban, knock, forget.

Spec: https://spec.matrix.org/v1.19/client-server-api/#leaving-rooms
"""

from collections.abc import Sequence

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName, UserID
from timserver.matrix.json_types import JsonValue
from timserver.store import rooms
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.new_account import server_user_id
from timserver.usecases.federation.candidates import helpers
from timserver.usecases.federation.handshake import Asked
from timserver.usecases.federation.knock_elsewhere import knock_elsewhere
from timserver.usecases.federation.resident_room import takes_part
from timserver.usecases.membership.changing import Change, change_membership, membership_of
from timserver.usecases.membership.leaving import leave
from timserver.usecases.membership.profile_content import profile_content
from timserver.usecases.rooms.live import current_room, must_current_room, state_event


async def leave_room(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, reason: str | None = None
) -> None:
    """Leave, refuse an invite or withdraw a knock; nothing for who has left already.

    Raises `CannotLeaveServerNoticeRoom` when it is the server that invites.
    """
    room = await must_current_room(ctx, tenant, room_id)
    member = await state_event(ctx, tenant, room, "m.room.member", requester.user_id)
    membership = member.membership if member else "leave"
    if membership == "leave":
        if room.members.get(requester.user_nid) is None:
            raise errors.Forbidden("You are not in this room")
        return
    if membership == "invite" and member and member.sender == server_user_id(ctx, tenant):
        raise errors.CannotLeaveServerNoticeRoom()
    await leave(ctx, tenant, requester, room, reason)


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
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    *,
    via: Sequence[ServerName] = (),
    reason: str | None = None,
) -> None:
    """Ask to be let in, here or by way of another server, where we may have missed that the last knock was refused.

    Raises `NotFound` when nobody can be asked, and what other servers answer.
    """
    room = await current_room(ctx, tenant, room_id)
    if room is not None and takes_part(room):
        change = Change(target=requester.user_id, membership="knock", reason=reason)
        await change_membership(ctx, tenant, requester, room, change)
        return
    servers = await helpers(ctx, tenant, room, requester.user_id, via)
    if not servers:
        raise errors.NotFound("Room not found here, and no other server can be asked")
    content: dict[str, JsonValue] = {"reason": reason} if reason is not None else {}
    async with ctx.database.transaction(tenant) as conn:
        content |= await profile_content(conn, tenant, requester.user_nid)
    asked = Asked(
        room_id=room_id,
        user_id=requester.user_id,
        membership="knock",
        content=content,
        version=room.version if room is not None else None,
    )
    await knock_elsewhere(ctx, tenant, asked, servers)


async def forget_room(ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID) -> None:
    """Take a room that was left out of sight; raises `Unknown` (400) for a room that the user is in."""
    room = await must_current_room(ctx, tenant, room_id)
    if room.members.get(requester.user_nid) is None:
        raise errors.Forbidden("You are not in this room")
    if await membership_of(ctx, tenant, room, requester.user_id) not in ("leave", "ban"):
        raise errors.Unknown("You are still in this room", status=400)
    async with ctx.database.transaction(tenant) as conn:
        await rooms.forget(conn, tenant, requester.user_nid, room.room_nid)
