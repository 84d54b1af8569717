"""Another server sends the join, leave or knock of one of its users (`/send_join`, `/send_leave`, `/send_knock`).

In this order: it is the event that the request is about; its hash and the signatures are right; the room allows it;
it becomes part of the room and goes to the other servers there. Of a join into a restricted room that one of our users
grants, the signature that says so is added once the conditions hold, and it leaves this server only with an event that
was accepted (RELIABILITY E1, E2, E3, E15).

Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_joinroomideventid
"""

import msgspec

from timserver import core
from timserver.context import Context
from timserver.matrix import errors, membership_request
from timserver.matrix.event import Event, get_str
from timserver.matrix.ids import UserID, server_name_of
from timserver.matrix.membership_request import Submitted
from timserver.matrix.membership_template import GRANTED_BY
from timserver.store import terms
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.events.admitting import Status, admit
from timserver.usecases.federation.opening import must_open
from timserver.usecases.federation.resident_room import resident_room
from timserver.usecases.membership.restricted import authorising_user
from timserver.usecases.tenants.signing_key import signing_key


class Accepted(msgspec.Struct, frozen=True):
    """The event as it stands in the room, with our signature if that was needed."""

    room: LiveRoom
    event: Event


async def accept_membership(ctx: Context, tenant: Tenant, submitted: Submitted, body: bytes) -> Accepted:
    """Raises `NotFound`, `InvalidParam` for what is not the event it must be, `Forbidden` when the room refuses it."""
    room = await resident_room(ctx, tenant, submitted.origin, submitted.room_id)
    opened = _opened(room, body)
    event = opened.event
    membership_request.check_own_membership(event, submitted)
    if not opened.hash_matches:
        raise errors.InvalidParam("The event's hash is wrong")
    if await _is_granted_here(ctx, tenant, room, event):
        event = membership_request.co_signed(
            room.version, event, tenant.server_name, await signing_key(ctx, tenant)
        )
    try:
        event = await must_open(ctx, tenant, room.version, event.pdu)
    except errors.BadJson as error:
        raise errors.InvalidParam("The event's signature is wrong", inner=error.inner) from error
    admitted = await admit(ctx, tenant, room, event, forward=True)
    if admitted.status is Status.MISSING:
        raise errors.InvalidParam("The event does not follow our template")
    if admitted.status not in (Status.NEW, Status.KNOWN):
        raise errors.Forbidden("The room does not allow this", inner=admitted.reason)
    return Accepted(room, event)


def _opened(room: LiveRoom, body: bytes) -> core.OpenedPdu:
    try:
        return core.open_pdu(room.version, body)
    except (errors.BadJson, errors.TooLarge) as error:
        raise errors.InvalidParam("Not an event of this room's version", inner=str(error)) from error


async def _is_granted_here(ctx: Context, tenant: Tenant, room: LiveRoom, event: Event) -> bool:
    """Does one of our users let somebody into a restricted room? Only then do we sign. Raises `Forbidden` and what
    `authorising_user` does when the conditions do not hold (any more).
    """
    if event.membership != "join" or not room.version.restricted or GRANTED_BY not in event.content:
        return False
    granted_by = UserID(get_str(event.content, GRANTED_BY) or "")
    if server_name_of(granted_by) != tenant.server_name:
        return False
    (user_nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [event.sender])
    if await authorising_user(ctx, tenant, user_nid, room) is None:
        raise errors.Forbidden("The room is not restricted")
    return True
