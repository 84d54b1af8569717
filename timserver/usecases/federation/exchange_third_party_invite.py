"""A user whom one of ours invited by address was found at another server, which asks us to invite them.

The event is made here of what the identity server signed; the room's rules say whether that is so, before it is signed
(RELIABILITY E2). Then it is an invite like any other.

Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1exchange_third_party_inviteroomid
"""

from timserver.context import Context
from timserver.matrix import errors, third_party_invite
from timserver.matrix.ids import RoomID, ServerName, server_name_of
from timserver.policy import points
from timserver.policy.facts import InviteFacts, ThirdPartyInviteFacts
from timserver.store.live_rooms import JOIN
from timserver.tenancy import Tenant
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.federation.resident_room import resident_room
from timserver.usecases.federation.send_invite import invite_elsewhere
from timserver.usecases.membership.changing import target_nid
from timserver.usecases.rooms.live import state_event


async def exchange_third_party_invite(
    ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID, body: bytes
) -> None:
    """Raises `NotFound`, `InvalidParam`, `Forbidden`, and what the invited server refuses the invite with."""
    points.check(points.ON_THIRD_PARTY_INVITE, ThirdPartyInviteFacts(tenant=tenant))
    room = await resident_room(ctx, tenant, origin, room_id)
    invite = third_party_invite.of_exchange(room_id, body)
    if server_name_of(invite.invitee) != origin:
        raise errors.Forbidden("The invited user is not of the asking server")
    if server_name_of(invite.sender) != tenant.server_name:
        raise errors.Forbidden("The inviting user is not of this server")
    facts = InviteFacts(
        tenant=tenant, federation=federation_list(ctx), inviter=invite.sender, invitee=invite.invitee
    )
    points.check(points.ON_INVITE, facts)
    if room.membership_of(await target_nid(ctx, tenant, invite.invitee)) == JOIN:
        raise errors.Forbidden("The user is in the room")
    asked = await state_event(ctx, tenant, room, "m.room.third_party_invite", invite.token)
    content = third_party_invite.member_content(invite, third_party_invite.display_name(asked))
    await invite_elsewhere(ctx, tenant, invite.sender, room, invite.invitee, content)
