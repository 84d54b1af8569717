"""The first half of leaving a room that the other server is not in: the template. And the second as older servers ask."""

from typing import Annotated

from timserver.api.endpoint import Answer, Auth, Path, Request, endpoint
from timserver.api.federation.handshakes import SubmitRequest, TemplateResponse, submitted
from timserver.context import Context
from timserver.matrix.ids import RoomID, ServerName, UserID
from timserver.tenancy import Tenant
from timserver.usecases.federation.accept_membership import accept_membership
from timserver.usecases.federation.propose_membership import MembershipAsked, propose_membership


class MakeLeaveRequest(Request, frozen=True, kw_only=True):
    """Who wants to leave."""

    room_id: Annotated[RoomID, Path("roomId")]
    user_id: Annotated[UserID, Path("userId")]


@endpoint("GET", "/_matrix/federation/v1/make_leave/{roomId}/{userId}", auth=Auth.SERVER)
async def make_leave(
    ctx: Context, tenant: Tenant, origin: ServerName, request: MakeLeaveRequest
) -> TemplateResponse:
    """GET /_matrix/federation/v1/make_leave/{roomId}/{userId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_leaveroomiduserid
    """
    asked = MembershipAsked(room_id=request.room_id, user_id=request.user_id, membership="leave")
    proposal = await propose_membership(ctx, tenant, origin, asked)
    return TemplateResponse(proposal.room_version, proposal.event)


@endpoint("PUT", "/_matrix/federation/v1/send_leave/{roomId}/{eventId}", auth=Auth.SERVER)
async def send_leave_v1(ctx: Context, tenant: Tenant, origin: ServerName, request: SubmitRequest) -> Answer:
    """PUT /_matrix/federation/v1/send_leave/{roomId}/{eventId}, of older servers; the answer is in an array.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#leaving-rooms-rejecting-invites
    """
    await accept_membership(ctx, tenant, submitted(origin, request, "leave"), request.event)
    return Answer(body=b"[200,{}]")
