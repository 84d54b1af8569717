"""`/backfill` and `/get_missing_events`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, Path, Query, Request, endpoint
from timserver.api.federation.events import Transaction
from timserver.context import Context
from timserver.matrix.ids import RoomID, ServerName
from timserver.tenancy import Tenant
from timserver.usecases.federation.read_history import read_back, read_missing


class BackfillRoomRequest(Request, frozen=True, kw_only=True):
    """From which events on, and how many."""

    room_id: Annotated[RoomID, Path("roomId")]
    v: Annotated[tuple[str, ...], Query("v")]
    limit: Annotated[int, Query("limit")]


class GetMissingPreviousEventsRequest(Request, frozen=True, kw_only=True):
    """What is known on both sides of the gap."""

    room_id: Annotated[RoomID, Path("roomId")]
    earliest_events: list[str]
    latest_events: list[str]
    limit: int = 10
    min_depth: int = 0


class GetMissingPreviousEventsResponse(msgspec.Struct, frozen=True):
    """What lies between, the oldest first."""

    events: list[msgspec.Raw]


@endpoint("GET", "/_matrix/federation/v1/backfill/{roomId}", auth=Auth.SERVER)
async def backfill_room(
    ctx: Context, tenant: Tenant, origin: ServerName, request: BackfillRoomRequest
) -> Transaction:
    """GET /_matrix/federation/v1/backfill/{roomId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1backfillroomid
    """
    pdus = await read_back(ctx, tenant, origin, request.room_id, request.v, request.limit)
    return Transaction(tenant.server_name, ctx.clock.now_ms(), pdus)


@endpoint("POST", "/_matrix/federation/v1/get_missing_events/{roomId}", auth=Auth.SERVER)
async def get_missing_previous_events(
    ctx: Context, tenant: Tenant, origin: ServerName, request: GetMissingPreviousEventsRequest
) -> GetMissingPreviousEventsResponse:
    """POST /_matrix/federation/v1/get_missing_events/{roomId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1get_missing_eventsroomid
    """
    pdus = await read_missing(
        ctx,
        tenant,
        origin,
        request.room_id,
        between=(request.earliest_events, request.latest_events),
        depth_min=request.min_depth,
        limit=request.limit,
    )
    return GetMissingPreviousEventsResponse(pdus)
