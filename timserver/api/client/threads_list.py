"""`/rooms/{roomId}/threads`."""

from typing import Annotated, Literal

import msgspec

from timserver.api.endpoint import Path, Query, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import RoomID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.read_relations import read_threads
from timserver.usecases.sync import token


class GetThreadRootsRequest(Request, frozen=True, kw_only=True):
    """Which threads, and from where."""

    room_id: Annotated[RoomID, Path("roomId")]
    include: Annotated[Literal["all", "participated"], Query("include")] = "all"
    limit: Annotated[int | None, Query("limit")] = None
    start: Annotated[str | None, Query("from")] = None


class GetThreadRootsResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page."""

    chunk: list[msgspec.Raw]
    next_batch: str | None = None


@endpoint("GET", "/_matrix/client/v1/rooms/{roomId}/threads", rate=RateKind.READ)
async def get_thread_roots(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetThreadRootsRequest
) -> GetThreadRootsResponse:
    """GET /_matrix/client/v1/rooms/{roomId}/threads.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidthreads
    """
    limits = ctx.settings.limits
    limit = limits.page_events_default if request.limit is None else max(1, request.limit)
    found = await read_threads(
        ctx,
        tenant,
        requester,
        request.room_id,
        start=token.read(request.start, history=True) if request.start else None,
        participated=request.include == "participated",
        limit=min(limit, limits.page_events_max),
    )
    return GetThreadRootsResponse(found.chunk, None if found.next is None else token.write(found.next))
