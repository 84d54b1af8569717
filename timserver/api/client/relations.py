"""`/rooms/{roomId}/relations`."""

from typing import Annotated, Literal

import msgspec

from timserver.api.endpoint import Path, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import EventID, RoomID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.read_relations import RECURSION_DEPTH, Asked, read_relations
from timserver.usecases.sync import token


class GetRelatingEventsRequest(Request, frozen=True, kw_only=True):
    """To which event, and from where to where."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Path("eventId")]
    start: Annotated[str | None, Query("from")] = None
    to: Annotated[str | None, Query("to")] = None
    limit: Annotated[int | None, Query("limit")] = None
    dir: Annotated[Literal["b", "f"], Query("dir")] = "b"
    recurse: Annotated[bool, Query("recurse")] = False


class GetRelatingEventsWithRelTypeRequest(GetRelatingEventsRequest, frozen=True, kw_only=True):
    """Of one kind of relation."""

    rel_type: Annotated[str, Path("relType")]


class GetRelatingEventsWithRelTypeAndEventTypeRequest(
    GetRelatingEventsWithRelTypeRequest, frozen=True, kw_only=True
):
    """Of one kind of relation and type of event."""

    event_type: Annotated[str, Path("eventType")]


class RelatingEventsResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page."""

    chunk: list[msgspec.Raw]
    next_batch: str | None = None
    prev_batch: str | None = None
    recursion_depth: int | None = None


@endpoint("GET", "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}")
async def get_relating_events(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetRelatingEventsRequest
) -> RelatingEventsResponse:
    """GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidrelationseventid
    """
    return await _read(ctx, tenant, requester, request, None, None)


@endpoint("GET", "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}")
async def get_relating_events_with_rel_type(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetRelatingEventsWithRelTypeRequest
) -> RelatingEventsResponse:
    """GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidrelationseventidreltype
    """
    return await _read(ctx, tenant, requester, request, request.rel_type, None)


@endpoint("GET", "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}/{eventType}")
async def get_relating_events_with_rel_type_and_event_type(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    request: GetRelatingEventsWithRelTypeAndEventTypeRequest,
) -> RelatingEventsResponse:
    """GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}/{eventType}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidrelationseventidreltypeeventtype
    """
    return await _read(ctx, tenant, requester, request, request.rel_type, request.event_type)


async def _read(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    request: GetRelatingEventsRequest,
    rel_type: str | None,
    event_type: str | None,
) -> RelatingEventsResponse:
    limits = ctx.settings.limits
    limit = limits.page_events_default if request.limit is None else max(1, request.limit)
    asked = Asked(
        event_id=request.event_id,
        rel_type=rel_type,
        event_type=event_type,
        start=token.read(request.start, history=True) if request.start else None,
        to=token.read(request.to, history=True) if request.to else None,
        backwards=request.dir == "b",
        recurse=request.recurse,
        limit=min(limit, limits.page_events_max),
    )
    found = await read_relations(ctx, tenant, requester, request.room_id, asked)
    return RelatingEventsResponse(
        found.chunk,
        None if found.next is None else token.write(found.next),
        request.start,
        RECURSION_DEPTH if request.recurse else None,
    )
