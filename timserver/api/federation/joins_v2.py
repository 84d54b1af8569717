"""The second half of a join: the signed event."""

from typing import Annotated

from timserver.api.endpoint import Answer, Auth, BodyBytes, Path, Query, Request, answer_of, endpoint
from timserver.context import Context
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.matrix.membership_request import Submitted
from timserver.tenancy import Tenant
from timserver.usecases.federation.accept_join import accept_join
from timserver.usecases.federation.served_pdus import written


class SendJoinV2Request(Request, frozen=True, kw_only=True):
    """The event, and whether its members are wanted, too."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Path("eventId")]
    omit_members: Annotated[bool, Query("omit_members")] = False
    event: Annotated[bytes, BodyBytes()]


@endpoint("PUT", "/_matrix/federation/v2/send_join/{roomId}/{eventId}", auth=Auth.SERVER)
async def send_join_v2(
    ctx: Context, tenant: Tenant, origin: ServerName, request: SendJoinV2Request
) -> Answer:
    """PUT /_matrix/federation/v2/send_join/{roomId}/{eventId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_joinroomideventid
    """
    submitted = Submitted(
        origin=origin, room_id=request.room_id, event_id=request.event_id, membership="join"
    )
    parts = await accept_join(ctx, tenant, submitted, request.event, omit_members=request.omit_members)
    return answer_of(await written(ctx, tenant, parts))
