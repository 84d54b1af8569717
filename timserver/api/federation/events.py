"""`/event`, `/state`, `/state_ids`, `/timestamp_to_event`."""

from typing import Annotated, Literal

import msgspec

from timserver.api.endpoint import Answer, Auth, Path, Query, Request, answer_of, endpoint
from timserver.context import Context
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.tenancy import Tenant
from timserver.usecases.federation import read_event, read_room_state
from timserver.usecases.federation.find_event_by_timestamp import find_event_by_timestamp
from timserver.usecases.federation.served_pdus import written


class GetEventRequest(Request, frozen=True, kw_only=True):
    """Which event."""

    event_id: Annotated[EventID, Path("eventId")]


class Transaction(msgspec.Struct, frozen=True):
    """PDUs, and who sends them when (milliseconds)."""

    origin: ServerName
    origin_server_ts: int
    pdus: list[msgspec.Raw]


class GetRoomStateRequest(Request, frozen=True, kw_only=True):
    """Of which room, before which event."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Query("event_id")]


class GetRoomStateIdsResponse(msgspec.Struct, frozen=True):
    """The same as ids."""

    pdu_ids: list[EventID]
    auth_chain_ids: list[EventID]


class GetEventByTimestampRequest(Request, frozen=True, kw_only=True):
    """Which time (milliseconds), and on which side of it."""

    room_id: Annotated[RoomID, Path("roomId")]
    ts: Annotated[int, Query("ts")]
    dir: Annotated[Literal["f", "b"], Query("dir")]


class GetEventByTimestampResponse(msgspec.Struct, frozen=True):
    """The closest event."""

    event_id: EventID
    origin_server_ts: int


@endpoint("GET", "/_matrix/federation/v1/event/{eventId}", auth=Auth.SERVER)
async def get_event(
    ctx: Context, tenant: Tenant, origin: ServerName, request: GetEventRequest
) -> Transaction:
    """GET /_matrix/federation/v1/event/{eventId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1eventeventid
    """
    pdu = await read_event.read_event(ctx, tenant, origin, request.event_id)
    return Transaction(tenant.server_name, ctx.clock.now_ms(), [pdu])


@endpoint("GET", "/_matrix/federation/v1/state/{roomId}", auth=Auth.SERVER)
async def get_room_state(
    ctx: Context, tenant: Tenant, origin: ServerName, request: GetRoomStateRequest
) -> Answer:
    """GET /_matrix/federation/v1/state/{roomId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1stateroomid
    """
    parts = await read_room_state.read_room_state(ctx, tenant, origin, request.room_id, request.event_id)
    return answer_of(await written(ctx, tenant, parts))


@endpoint("GET", "/_matrix/federation/v1/state_ids/{roomId}", auth=Auth.SERVER)
async def get_room_state_ids(
    ctx: Context, tenant: Tenant, origin: ServerName, request: GetRoomStateRequest
) -> GetRoomStateIdsResponse:
    """GET /_matrix/federation/v1/state_ids/{roomId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1state_idsroomid
    """
    found = await read_room_state.read_room_state_ids(ctx, tenant, origin, request.room_id, request.event_id)
    return GetRoomStateIdsResponse(found.pdu_ids, found.auth_chain_ids)


@endpoint("GET", "/_matrix/federation/v1/timestamp_to_event/{roomId}", auth=Auth.SERVER)
async def get_event_by_timestamp(
    ctx: Context, tenant: Tenant, origin: ServerName, request: GetEventByTimestampRequest
) -> GetEventByTimestampResponse:
    """GET /_matrix/federation/v1/timestamp_to_event/{roomId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1timestamp_to_eventroomid
    """
    event_id, ts = await find_event_by_timestamp(
        ctx, tenant, origin, request.room_id, request.ts, backwards=request.dir == "b"
    )
    return GetEventByTimestampResponse(event_id, ts)
