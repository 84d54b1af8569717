"""The second half of leaving a room that the other server is not in: the signed event."""

from typing import Annotated

from timserver.api.endpoint import Auth, BodyBytes, Empty, Path, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.matrix.membership_request import Submitted
from timserver.tenancy import Tenant
from timserver.usecases.federation.accept_membership import accept_membership


class SendLeaveV2Request(Request, frozen=True, kw_only=True):
    """The event."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Path("eventId")]
    event: Annotated[bytes, BodyBytes()]


@endpoint("PUT", "/_matrix/federation/v2/send_leave/{roomId}/{eventId}", auth=Auth.SERVER)
async def send_leave_v2(
    ctx: Context, tenant: Tenant, origin: ServerName, request: SendLeaveV2Request
) -> Empty:
    """PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_leaveroomideventid
    """
    submitted = Submitted(
        origin=origin, room_id=request.room_id, event_id=request.event_id, membership="leave"
    )
    await accept_membership(ctx, tenant, submitted, request.event)
    return Empty()
