"""The first half of a join: the template. And the second half as older servers ask for it."""

from typing import Annotated

from timserver.api.endpoint import Answer, Auth, Path, Query, Request, answer_of, endpoint
from timserver.api.federation.handshakes import SubmitRequest, TemplateResponse, submitted
from timserver.context import Context
from timserver.matrix.ids import RoomID, ServerName, UserID
from timserver.tenancy import Tenant
from timserver.usecases.federation.accept_join import accept_join
from timserver.usecases.federation.propose_membership import MembershipAsked, propose_membership
from timserver.usecases.federation.served_pdus import written


class MakeJoinRequest(Request, frozen=True, kw_only=True):
    """Who wants to join, and the room versions that the other server knows."""

    room_id: Annotated[RoomID, Path("roomId")]
    user_id: Annotated[UserID, Path("userId")]
    ver: Annotated[tuple[str, ...], Query("ver")] = ("1",)


@endpoint("GET", "/_matrix/federation/v1/make_join/{roomId}/{userId}", auth=Auth.SERVER)
async def make_join(
    ctx: Context, tenant: Tenant, origin: ServerName, request: MakeJoinRequest
) -> TemplateResponse:
    """GET /_matrix/federation/v1/make_join/{roomId}/{userId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_joinroomiduserid
    """
    asked = MembershipAsked(
        room_id=request.room_id, user_id=request.user_id, membership="join", versions=request.ver
    )
    proposal = await propose_membership(ctx, tenant, origin, asked)
    return TemplateResponse(proposal.room_version, proposal.event)


@endpoint("PUT", "/_matrix/federation/v1/send_join/{roomId}/{eventId}", auth=Auth.SERVER)
async def send_join_v1(ctx: Context, tenant: Tenant, origin: ServerName, request: SubmitRequest) -> Answer:
    """PUT /_matrix/federation/v1/send_join/{roomId}/{eventId}, of older servers; the answer is in an array.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#joining-rooms
    """
    parts = await accept_join(
        ctx, tenant, submitted(origin, request, "join"), request.event, omit_members=False
    )
    return answer_of(await written(ctx, tenant, [b"[200,", *parts, b"]"]))
