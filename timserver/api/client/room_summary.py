"""`/room_summary`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Path, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms.summaries import Summary
from timserver.usecases.rooms.summarize_room import summarize_room


class GetRoomSummaryRequest(Request, frozen=True, kw_only=True):
    """Which room."""

    room_id_or_alias: Annotated[str, Path("roomIdOrAlias")]
    via: Annotated[tuple[ServerName, ...], Query("via")] = ()


class GetRoomSummaryResponse(Summary, frozen=True, kw_only=True, omit_defaults=True):
    """The room, and what the user is in it."""

    membership: str | None = None


@endpoint("GET", "/_matrix/client/v1/room_summary/{roomIdOrAlias}")
async def get_room_summary(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetRoomSummaryRequest
) -> GetRoomSummaryResponse:
    """GET /_matrix/client/v1/room_summary/{roomIdOrAlias}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias
    """
    summary, membership = await summarize_room(ctx, tenant, requester, request.room_id_or_alias, request.via)
    return GetRoomSummaryResponse(**msgspec.structs.asdict(summary), membership=membership)
