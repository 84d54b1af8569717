"""`/rooms/{roomId}/context`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Path, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix.filters import RoomEventFilter, parse_room_event_filter
from timserver.matrix.ids import EventID, RoomID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.read_event import read_context
from timserver.usecases.sync import token


class GetEventContextRequest(Request, frozen=True, kw_only=True):
    """Around which event, and how much."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Path("eventId")]
    limit: Annotated[int | None, Query("limit")] = None
    filter: Annotated[str | None, Query("filter")] = None


class GetEventContextResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The event and its surroundings."""

    event: msgspec.Raw
    events_before: list[msgspec.Raw]
    events_after: list[msgspec.Raw]
    start: str
    end: str
    state: list[msgspec.Raw]


@endpoint("GET", "/_matrix/client/v3/rooms/{roomId}/context/{eventId}")
async def get_event_context(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetEventContextRequest
) -> GetEventContextResponse:
    """GET /_matrix/client/v3/rooms/{roomId}/context/{eventId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidcontexteventid
    """
    wanted = parse_room_event_filter(request.filter) if request.filter else RoomEventFilter()
    limits = ctx.settings.limits
    limit = limits.page_events_default if request.limit is None else max(0, request.limit)
    found = await read_context(
        ctx,
        tenant,
        requester,
        request.room_id,
        request.event_id,
        wanted,
        min(limit, limits.context_events_max),
    )
    return GetEventContextResponse(
        event=found.event,
        events_before=found.before,
        events_after=found.after,
        start=token.write(max(0, found.start)),
        end=token.write(found.end),
        state=found.state,
    )
