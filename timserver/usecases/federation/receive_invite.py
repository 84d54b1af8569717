"""A user of another server invites one of ours to a room (`PUT /invite`).

We sign exactly this: an invite, by a user of the asking server, of a user of ours, in the room and with the id that
the request names, whose hash and signature are right (RELIABILITY E2: CVE-2025-68667; E3). Policy is asked before.

Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2inviteroomideventid
"""

from collections.abc import Sequence

import msgspec

from timserver import core
from timserver.context import Context
from timserver.matrix import errors, membership_request
from timserver.matrix.event import Event
from timserver.matrix.ids import RoomID, UserID, localpart_of
from timserver.matrix.membership_request import Submitted
from timserver.matrix.room_versions import ROOM_VERSIONS, RoomVersion
from timserver.policy import points
from timserver.policy.facts import InviteFacts
from timserver.store import accounts
from timserver.store.live_rooms import BAN, JOIN, LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.federation.acl import check_acl
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.federation.opening import must_open
from timserver.usecases.federation.out_of_band import store_out_of_band
from timserver.usecases.federation.resident_room import takes_part
from timserver.usecases.federation.shown_state import read_shown_state
from timserver.usecases.membership.changing import target_nid
from timserver.usecases.rooms.live import current_room
from timserver.usecases.tenants.signing_key import signing_key


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """The request."""

    submitted: Submitted
    room_version: str
    event: bytes
    shown: Sequence[bytes]
    """State events that tell what room it is."""


async def receive_invite(ctx: Context, tenant: Tenant, invite: Invite) -> Event:
    """The event with our signature. Raises `IncompatibleRoomVersion`, `InvalidParam`, `Forbidden`."""
    version = ROOM_VERSIONS.get(invite.room_version)
    if version is None:
        raise errors.IncompatibleRoomVersion(
            "This homeserver does not support the room's version", room_version=invite.room_version
        )
    event = _checked(version, tenant, invite)
    invitee = UserID(event.state_key or "")
    facts = InviteFacts(tenant=tenant, federation=federation_list(ctx), inviter=event.sender, invitee=invitee)
    points.check(points.ON_INVITE, facts)
    room = await _known_room(ctx, tenant, version, invite)
    await _must_be_invitable(ctx, tenant, room, invitee)
    event = await _opened(ctx, tenant, version, event)
    shown = await read_shown_state(ctx, tenant, version, event.room_id, invite.shown)
    key = await signing_key(ctx, tenant)
    signed = membership_request.co_signed(version, event, tenant.server_name, key)
    if room is None:  # else the event comes by transaction, too, and stands in the room's history
        await store_out_of_band(ctx, tenant, version, event.room_id, signed, shown)
    return signed


def _checked(version: RoomVersion, tenant: Tenant, invite: Invite) -> Event:
    try:
        opened = core.open_pdu(version, invite.event)
    except (errors.BadJson, errors.TooLarge) as error:
        raise errors.InvalidParam("Not an event of this room version", inner=str(error)) from error
    membership_request.check_invite(opened.event, invite.submitted, tenant.server_name)
    if not opened.hash_matches:
        raise errors.InvalidParam("The event's hash is wrong")
    return opened.event


async def _known_room(ctx: Context, tenant: Tenant, version: RoomVersion, invite: Invite) -> LiveRoom | None:
    """The room, if we are in it. Whatever is known of it, its version cannot be another (E15)."""
    room = await current_room(ctx, tenant, RoomID(invite.submitted.room_id))
    if room is None:
        return None
    if room.version != version:
        raise errors.InvalidParam("The room has another version")
    if not takes_part(room):
        return None
    await check_acl(ctx, tenant, room, invite.submitted.origin)
    return room


async def _must_be_invitable(ctx: Context, tenant: Tenant, room: LiveRoom | None, invitee: UserID) -> None:
    invitee_nid = await target_nid(ctx, tenant, invitee)
    if room is not None and room.membership_of(invitee_nid) in (JOIN, BAN):
        raise errors.Forbidden("The user is in the room, or banned from it")
    async with ctx.database.transaction(tenant) as conn:
        account = await accounts.find_account(conn, tenant, localpart_of(invitee))
    if account is None or account.state == accounts.DEACTIVATED:
        raise errors.Forbidden("Cannot invite this user")


async def _opened(ctx: Context, tenant: Tenant, version: RoomVersion, event: Event) -> Event:
    try:
        return await must_open(ctx, tenant, version, event.pdu)
    except errors.BadJson as error:
        raise errors.InvalidParam("The event's signature is wrong", inner=error.inner) from error
