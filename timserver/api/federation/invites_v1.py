"""A user of ours is invited by another server's, the old way: only into rooms of version 1 and 2.

What the room shows of itself is in the event's `unsigned`.
"""

import msgspec

from timserver.api.endpoint import Answer, Auth, endpoint
from timserver.api.federation.handshakes import SubmitRequest, submitted
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant
from timserver.usecases.federation.receive_invite import Invite, receive_invite
from timserver.usecases.federation.shown_state import version_shown


class _Unsigned(msgspec.Struct):
    invite_room_state: list[msgspec.Raw] = []


class _Event(msgspec.Struct):
    unsigned: _Unsigned = msgspec.field(default_factory=_Unsigned)


@endpoint("PUT", "/_matrix/federation/v1/invite/{roomId}/{eventId}", auth=Auth.SERVER)
async def send_invite_v1(ctx: Context, tenant: Tenant, origin: ServerName, request: SubmitRequest) -> Answer:
    """PUT /_matrix/federation/v1/invite/{roomId}/{eventId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1inviteroomideventid
    """
    try:
        unsigned = msgspec.json.decode(request.event, type=_Event).unsigned
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise errors.BadJson() from error
    shown = [bytes(entry) for entry in unsigned.invite_room_state]
    invite = Invite(
        submitted=submitted(origin, request, "invite"),
        room_version=version_shown(shown),
        event=request.event,
        shown=shown,
    )
    event = await receive_invite(ctx, tenant, invite)
    return Answer(body=msgspec.json.encode((200, {"event": msgspec.Raw(event.pdu)})))
