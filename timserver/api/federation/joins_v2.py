"""The second half of a join: the signed event."""

from typing import Annotated

from timserver.api.endpoint import Answer, Auth, Query, answer_of, endpoint
from timserver.api.federation.handshakes import SubmitRequest, submitted
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant
from timserver.usecases.federation.accept_join import accept_join
from timserver.usecases.federation.served_pdus import written


class SendJoinV2Request(SubmitRequest, frozen=True, kw_only=True):
    """The event, and whether its members are wanted, too."""

    omit_members: Annotated[bool, Query("omit_members")] = False


@endpoint("PUT", "/_matrix/federation/v2/send_join/{roomId}/{eventId}", auth=Auth.SERVER)
async def send_join_v2(
    ctx: Context, tenant: Tenant, origin: ServerName, request: SendJoinV2Request
) -> Answer:
    """PUT /_matrix/federation/v2/send_join/{roomId}/{eventId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_joinroomideventid
    """
    parts = await accept_join(
        ctx, tenant, submitted(origin, request, "join"), request.event, omit_members=request.omit_members
    )
    return answer_of(await written(ctx, tenant, parts))
