"""The second half of leaving a room that the other server is not in: the signed event."""

from timserver.api.endpoint import Auth, Empty, endpoint
from timserver.api.federation.handshakes import SubmitRequest, submitted
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant
from timserver.usecases.federation.accept_membership import accept_membership


@endpoint("PUT", "/_matrix/federation/v2/send_leave/{roomId}/{eventId}", auth=Auth.SERVER)
async def send_leave_v2(ctx: Context, tenant: Tenant, origin: ServerName, request: SubmitRequest) -> Empty:
    """PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_leaveroomideventid
    """
    await accept_membership(ctx, tenant, submitted(origin, request, "leave"), request.event)
    return Empty()
