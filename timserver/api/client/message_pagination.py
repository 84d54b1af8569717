"""`/rooms/{roomId}/messages`."""

from typing import Annotated, Literal

import msgspec

from timserver.api.endpoint import Path, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix.filters import RoomEventFilter, limit_of, parse_room_event_filter
from timserver.matrix.ids import RoomID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events import page_messages
from timserver.usecases.sync import token


class GetRoomEventsRequest(Request, frozen=True, kw_only=True):
    """From where to where, and what. `dir` is not required, as it never was in practice: forwards."""

    room_id: Annotated[RoomID, Path("roomId")]
    start: Annotated[str | None, Query("from")] = None
    to: Annotated[str | None, Query("to")] = None
    dir: Annotated[Literal["b", "f"], Query("dir")] = "f"
    limit: Annotated[int | None, Query("limit")] = None
    filter: Annotated[str | None, Query("filter")] = None


class GetRoomEventsResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page."""

    start: str
    end: str | None = None
    chunk: list[msgspec.Raw]
    state: list[msgspec.Raw] | None = None


@endpoint("GET", "/_matrix/client/v3/rooms/{roomId}/messages")
async def get_room_events(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetRoomEventsRequest
) -> GetRoomEventsResponse:
    """GET /_matrix/client/v3/rooms/{roomId}/messages.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmessages
    """
    wanted = parse_room_event_filter(request.filter) if request.filter else RoomEventFilter()
    limits = ctx.settings.limits
    default = limits.page_events_default if request.limit is None else max(0, request.limit)
    asked = page_messages.Asked(
        start=token.read(request.start, history=True) if request.start else None,
        to=token.read(request.to, history=True) if request.to else None,
        backwards=request.dir == "b",
        filter=wanted,
        limit=min(default, limit_of(wanted, default, limits.page_events_max)),
    )
    page = await page_messages.page_messages(ctx, tenant, requester, request.room_id, asked)
    return GetRoomEventsResponse(
        start=token.write(page.start),
        end=None if page.end is None else token.write(page.end),
        chunk=page.chunk,
        state=page.state or None,
    )
