"""`/rooms/{roomId}/timestamp_to_event`."""

from typing import Annotated, Literal

import msgspec

from timserver.api.endpoint import Path, Query, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import RoomID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.find_by_timestamp import find_by_timestamp


class GetEventByTimestampRequest(Request, frozen=True, kw_only=True):
    """Which time (milliseconds), and on which side of it."""

    room_id: Annotated[RoomID, Path("roomId")]
    ts: Annotated[int, Query("ts")]
    dir: Annotated[Literal["f", "b"], Query("dir")]


class GetEventByTimestampResponse(msgspec.Struct, frozen=True):
    """The closest event."""

    event_id: str
    origin_server_ts: int


@endpoint("GET", "/_matrix/client/v1/rooms/{roomId}/timestamp_to_event", rate=RateKind.READ)
async def get_event_by_timestamp(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetEventByTimestampRequest
) -> GetEventByTimestampResponse:
    """GET /_matrix/client/v1/rooms/{roomId}/timestamp_to_event.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event
    """
    event_id, ts = await find_by_timestamp(
        ctx, tenant, requester, request.room_id, request.ts, backwards=request.dir == "b"
    )
    return GetEventByTimestampResponse(event_id, ts)
