"""An identity server tells that an address belongs to one of our users, and where the address was invited to.

Anybody can tell us so, without a signature on the request: what the identity server signed counts in the room alone,
by whose rules it is checked before we sign anything (RELIABILITY E2). Who is not in the room asks the inviting server.

Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv13pidonbind
"""

from collections.abc import Sequence

import structlog

from timserver.context import Context
from timserver.matrix import errors, third_party_invite
from timserver.matrix.ids import UserID, is_user_id, localpart_of, server_name_of
from timserver.matrix.third_party_invite import ThirdPartyInvite
from timserver.policy import points
from timserver.policy.facts import InviteFacts, ThirdPartyInviteFacts
from timserver.remote.errors import RemoteError
from timserver.remote.federation import third_party_invites
from timserver.store import accounts
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.events.admitting import Status, admit
from timserver.usecases.federation.candidates import server_of_room_id
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.federation.own_member_event import own_member_event
from timserver.usecases.federation.resident_room import takes_part
from timserver.usecases.membership.changing import target_nid
from timserver.usecases.rooms.live import current_room, state_event

_log = structlog.get_logger("timserver.federation")


async def receive_binding(
    ctx: Context, tenant: Tenant, mxid: str, invites: Sequence[ThirdPartyInvite]
) -> None:
    """Send each invite, as far as it can be. Raises `InvalidParam` for who is no user here and for too many invites."""
    points.check(points.ON_THIRD_PARTY_INVITE, ThirdPartyInviteFacts(tenant=tenant))
    if len(invites) > ctx.settings.limits.third_party_invites_max:
        raise errors.InvalidParam("Too many invites")
    await _must_be_user(ctx, tenant, mxid)
    for invite in invites:
        try:
            await _invite(ctx, tenant, invite)
        except (errors.MatrixError, RemoteError) as error:
            _log.info("an invite by address came to nothing", error=str(error))


async def _must_be_user(ctx: Context, tenant: Tenant, mxid: str) -> None:
    if is_user_id(mxid) and server_name_of(UserID(mxid)) == tenant.server_name:
        async with ctx.database.transaction(tenant) as conn:
            account = await accounts.find_account(conn, tenant, localpart_of(UserID(mxid)))
        if account is not None and account.state != accounts.DEACTIVATED:
            return
    raise errors.InvalidParam("Not a user of this server")


async def _invite(ctx: Context, tenant: Tenant, invite: ThirdPartyInvite) -> None:
    facts = InviteFacts(
        tenant=tenant, federation=federation_list(ctx), inviter=invite.sender, invitee=invite.invitee
    )
    points.check(points.ON_INVITE, facts)
    room = await current_room(ctx, tenant, invite.room_id)
    if room is not None and takes_part(room):
        await _invite_here(ctx, tenant, room, invite)
    else:
        await _ask(ctx, tenant, invite)


async def _invite_here(ctx: Context, tenant: Tenant, room: LiveRoom, invite: ThirdPartyInvite) -> None:
    """The event is the inviting user's, whoever's user that is; by the identity server's signature it is allowed."""
    if room.membership_of(await target_nid(ctx, tenant, invite.invitee)) == JOIN:
        return
    asked = await state_event(ctx, tenant, room, "m.room.third_party_invite", invite.token)
    content = third_party_invite.member_content(invite, third_party_invite.display_name(asked))
    event = await own_member_event(
        ctx, tenant, room, sender=invite.sender, target=invite.invitee, content=content
    )
    admitted = await admit(ctx, tenant, room, event, forward=True)
    if admitted.status not in (Status.NEW, Status.KNOWN):
        raise errors.Forbidden(inner=admitted.reason)


async def _ask(ctx: Context, tenant: Tenant, invite: ThirdPartyInvite) -> None:
    """Raises RemoteError when nobody sends the invite."""
    servers = dict.fromkeys([server_name_of(invite.sender), *server_of_room_id(invite.room_id)])
    servers.pop(tenant.server_name, None)
    body = third_party_invite.exchange_body(invite)
    refusal = RemoteError("nobody to ask")
    for server_name in servers:
        try:
            await third_party_invites.exchange_third_party_invite(
                ctx.remote, tenant, server_name, invite.room_id, body
            )
        except RemoteError as error:
            refusal = error
        else:
            return
    raise refusal
