"""Another server's user asks to be let into a room: the template, and the signed event."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, Path, Query, Request, endpoint
from timserver.api.federation.handshakes import SubmitRequest, TemplateResponse, submitted
from timserver.context import Context
from timserver.matrix.ids import RoomID, ServerName, UserID
from timserver.tenancy import Tenant
from timserver.usecases.federation.accept_knock import accept_knock
from timserver.usecases.federation.propose_membership import MembershipAsked, propose_membership


class MakeKnockRequest(Request, frozen=True, kw_only=True):
    """Who wants to be let in, and the room versions that the other server knows."""

    room_id: Annotated[RoomID, Path("roomId")]
    user_id: Annotated[UserID, Path("userId")]
    ver: Annotated[tuple[str, ...], Query("ver")]


class SendKnockResponse(msgspec.Struct, frozen=True):
    """State events that tell what room it is."""

    knock_room_state: list[msgspec.Raw]


@endpoint("GET", "/_matrix/federation/v1/make_knock/{roomId}/{userId}", auth=Auth.SERVER)
async def make_knock(
    ctx: Context, tenant: Tenant, origin: ServerName, request: MakeKnockRequest
) -> TemplateResponse:
    """GET /_matrix/federation/v1/make_knock/{roomId}/{userId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_knockroomiduserid
    """
    asked = MembershipAsked(
        room_id=request.room_id, user_id=request.user_id, membership="knock", versions=request.ver
    )
    proposal = await propose_membership(ctx, tenant, origin, asked)
    return TemplateResponse(proposal.room_version, proposal.event)


@endpoint("PUT", "/_matrix/federation/v1/send_knock/{roomId}/{eventId}", auth=Auth.SERVER)
async def send_knock(
    ctx: Context, tenant: Tenant, origin: ServerName, request: SubmitRequest
) -> SendKnockResponse:
    """PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1send_knockroomideventid
    """
    return SendKnockResponse(
        await accept_knock(ctx, tenant, submitted(origin, request, "knock"), request.event)
    )
