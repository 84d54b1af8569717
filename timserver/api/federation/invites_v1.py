"""A user of ours is invited by another server's, the old way: only into rooms of version 1 and 2."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Answer, Auth, BodyBytes, Path, Request, endpoint
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.matrix.membership_request import Submitted
from timserver.tenancy import Tenant
from timserver.usecases.federation.receive_invite import Invite, receive_invite
from timserver.usecases.federation.shown_state import version_shown


class SendInviteV1Request(Request, frozen=True, kw_only=True):
    """The event; what the room shows of itself is in its `unsigned`."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Path("eventId")]
    event: Annotated[bytes, BodyBytes()]


class _Unsigned(msgspec.Struct):
    invite_room_state: list[msgspec.Raw] = []


class _Event(msgspec.Struct):
    unsigned: _Unsigned = msgspec.field(default_factory=_Unsigned)


@endpoint("PUT", "/_matrix/federation/v1/invite/{roomId}/{eventId}", auth=Auth.SERVER)
async def send_invite_v1(
    ctx: Context, tenant: Tenant, origin: ServerName, request: SendInviteV1Request
) -> Answer:
    """PUT /_matrix/federation/v1/invite/{roomId}/{eventId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1inviteroomideventid
    """
    try:
        unsigned = msgspec.json.decode(request.event, type=_Event).unsigned
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise errors.BadJson() from error
    submitted = Submitted(
        origin=origin, room_id=request.room_id, event_id=request.event_id, membership="invite"
    )
    shown = [bytes(entry) for entry in unsigned.invite_room_state]
    invite = Invite(submitted=submitted, room_version=version_shown(shown), event=request.event, shown=shown)
    event = await receive_invite(ctx, tenant, invite)
    return Answer(body=msgspec.json.encode((200, {"event": msgspec.Raw(event.pdu)})))
