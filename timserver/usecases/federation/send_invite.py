"""Step: a local user invites somebody of another server.

The event is built and authorized here, signed, shown to the invited server for its signature, and only then becomes
part of the room: as it is, even if the room has gone on meanwhile.

Spec: https://spec.matrix.org/v1.19/server-server-api/#inviting-to-a-room
"""

from collections.abc import Mapping
from typing import Final

from timserver.context import Context
from timserver.matrix import errors, membership_request, pdu, signing
from timserver.matrix.event import Event, get_object
from timserver.matrix.ids import EventID, ServerName, UserID, server_name_of
from timserver.matrix.json_types import JsonObject
from timserver.remote.errors import RemoteError
from timserver.remote.federation.invites import Invitation, send_invite
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.events.admitting import Status, admit
from timserver.usecases.federation.own_member_event import own_member_event
from timserver.usecases.federation.server_keys import KeyWanted, keys_for
from timserver.usecases.membership.stripped import shown_events

_PASSED_ON: Final[Mapping[str, type[errors.MatrixError]]] = {
    kind.errcode: kind
    for kind in (errors.Forbidden, errors.InviteBlocked, errors.IncompatibleRoomVersion, errors.LimitExceeded)
}


async def invite_elsewhere(
    ctx: Context, tenant: Tenant, inviter: UserID, room: LiveRoom, invitee: UserID, content: JsonObject
) -> EventID:
    """Policy was asked before. Raises `Forbidden` when the room does not allow it, what the other server refused it
    with, and 502 when it could not be asked.
    """
    version, destination = room.version, server_name_of(invitee)
    event = await own_member_event(
        ctx, tenant, room, sender=inviter, target=invitee, content={**content, "membership": "invite"}
    )
    shown = await shown_events(ctx, tenant, room, inviter)
    invitation = Invitation(
        room_id=room.room_id,
        event_id=event.event_id,
        event=pdu.to_object(version, event),
        invite_room_state=[pdu.to_object(version, state) for state in shown],
    )
    try:
        answer = await send_invite(ctx.remote, tenant, destination, version, invitation)
        event = await _with_their_signature(ctx, tenant, room, event, destination, answer)
    except RemoteError as error:
        raise _refusal(error) from error
    admitted = await admit(ctx, tenant, room, event, forward=True)
    if admitted.status not in (Status.NEW, Status.KNOWN):
        raise errors.Forbidden("You are not allowed to do this in this room", inner=admitted.reason)
    return event.event_id


async def _with_their_signature(
    ctx: Context, tenant: Tenant, room: LiveRoom, ours: Event, destination: ServerName, answer: JsonObject
) -> Event:
    """Our event with the invited server's signature, which is right. Raises RemoteError."""
    try:
        merged = membership_request.with_signature_of(room.version, ours, answer, destination)
    except errors.BadJson as error:
        raise RemoteError(str(error)) from error
    theirs = get_object(merged.signatures, destination) or {}
    now_ms = ctx.clock.now_ms()
    found = await keys_for(ctx, tenant, [KeyWanted(destination, key_id, now_ms) for key_id in theirs])
    value = pdu.to_object(room.version, merged)
    if not any(
        signing.verify_event(room.version, value, destination, key_id, public_key)
        for (_, key_id), public_key in found.items()
    ):
        raise RemoteError("the invited server's signature is wrong")
    return merged


def _refusal(error: RemoteError) -> errors.MatrixError:
    inner = f"another server: {error}"
    kind = _PASSED_ON.get(error.errcode or "")
    if error.denied:
        return errors.Forbidden(inner=inner)
    if kind is errors.LimitExceeded:
        return kind(inner=inner, retry_after_ms=error.retry_after_ms or 1_000)
    if kind is not None:
        return kind(error.error, inner=inner)
    return errors.Unknown("The invited user's server did not accept the invite", status=502, inner=inner)
