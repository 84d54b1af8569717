"""A local user invites somebody."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, UserID, localpart_of, server_name_of
from timserver.matrix.json_types import JsonValue
from timserver.policy import points
from timserver.policy.facts import InviteFacts
from timserver.store import accounts
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.federation.send_invite import invite_elsewhere
from timserver.usecases.membership.changing import Change, change_membership, membership_of
from timserver.usecases.rooms.live import must_current_room


async def invite_user(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    invitee: UserID,
    *,
    reason: str | None = None,
    is_direct: bool = False,
) -> None:
    """Raises `Forbidden` by policy, by the auth rules, and for who is in the room already or banned from it.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidinvite
    """
    room = await must_current_room(ctx, tenant, room_id)
    await invite_into(ctx, tenant, requester, room, invitee, reason=reason, is_direct=is_direct)


async def invite_into(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room: LiveRoom,
    invitee: UserID,
    *,
    reason: str | None = None,
    is_direct: bool = False,
) -> None:
    """Step: as `invite_user`, for a room at hand."""
    await check_invite(ctx, tenant, requester, room, invitee)
    if server_name_of(invitee) == tenant.server_name:
        change = Change(target=invitee, membership="invite", reason=reason, is_direct=is_direct)
        await change_membership(ctx, tenant, requester, room, change)
        return
    content: dict[str, JsonValue] = {}
    if reason is not None:
        content["reason"] = reason
    if is_direct:
        content["is_direct"] = True
    await invite_elsewhere(ctx, tenant, requester.user_id, room, invitee, content)


async def check_invite(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom, invitee: UserID
) -> None:
    """Step: what is asked before the auth rules. Raises `Forbidden`."""
    facts = InviteFacts(
        tenant=tenant, federation=federation_list(ctx), inviter=requester.user_id, invitee=invitee
    )
    points.check(points.ON_INVITE, facts)
    if await membership_of(ctx, tenant, room, requester.user_id) != "join":
        raise errors.Forbidden("You are not in this room")
    if server_name_of(invitee) != tenant.server_name:
        return
    async with ctx.database.transaction(tenant) as conn:
        account = await accounts.find_account(conn, tenant, localpart_of(invitee))
    if account is None or account.state == accounts.DEACTIVATED:
        raise errors.Forbidden("Cannot invite this user")
