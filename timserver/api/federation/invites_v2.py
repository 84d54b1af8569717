"""A user of ours is invited by another server's."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, Path, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.matrix.membership_request import Submitted
from timserver.tenancy import Tenant
from timserver.usecases.federation.receive_invite import Invite, receive_invite


class SendInviteV2Request(Request, frozen=True, kw_only=True):
    """The event, its room's version, and what the room shows of itself."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Path("eventId")]
    room_version: str
    event: msgspec.Raw
    invite_room_state: list[msgspec.Raw] = []


class SendInviteV2Response(msgspec.Struct, frozen=True):
    """The event with our signature."""

    event: msgspec.Raw


@endpoint("PUT", "/_matrix/federation/v2/invite/{roomId}/{eventId}", auth=Auth.SERVER)
async def send_invite_v2(
    ctx: Context, tenant: Tenant, origin: ServerName, request: SendInviteV2Request
) -> SendInviteV2Response:
    """PUT /_matrix/federation/v2/invite/{roomId}/{eventId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2inviteroomideventid
    """
    submitted = Submitted(
        origin=origin, room_id=request.room_id, event_id=request.event_id, membership="invite"
    )
    invite = Invite(
        submitted=submitted,
        room_version=request.room_version,
        event=bytes(request.event),
        shown=[bytes(entry) for entry in request.invite_room_state],
    )
    return SendInviteV2Response(msgspec.Raw((await receive_invite(ctx, tenant, invite)).pdu))
