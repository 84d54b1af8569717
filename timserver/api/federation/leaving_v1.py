"""The first half of leaving a room that the other server is not in: the template."""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import Auth, Path, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import RoomID, ServerName, UserID
from timserver.tenancy import Tenant
from timserver.usecases.federation.propose_membership import MembershipAsked, propose_membership


class MakeLeaveRequest(Request, frozen=True, kw_only=True):
    """Who wants to leave."""

    room_id: Annotated[RoomID, Path("roomId")]
    user_id: Annotated[UserID, Path("userId")]


class TemplateResponse(msgspec.Struct, frozen=True):
    """An event that nobody has signed."""

    room_version: str
    event: dict[str, Any]


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
