"""`/rooms/{roomId}/hierarchy`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Path, Query, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms import read_hierarchy
from timserver.usecases.rooms.space_children import ChildState
from timserver.usecases.rooms.summaries import Summary

_LIMIT, _DEPTH = 50, 20


class GetSpaceHierarchyRequest(Request, frozen=True, kw_only=True):
    """Of which space, and how much."""

    room_id: Annotated[RoomID, Path("roomId")]
    suggested_only: Annotated[bool, Query("suggested_only")] = False
    limit: Annotated[int, Query("limit")] = _LIMIT
    max_depth: Annotated[int | None, Query("max_depth")] = None
    start: Annotated[str | None, Query("from")] = None


class HierarchyRoom(Summary, frozen=True, kw_only=True, omit_defaults=True):
    """A room of the tree."""

    children_state: list[ChildState]


class GetSpaceHierarchyResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page."""

    rooms: list[HierarchyRoom]
    next_batch: str | None = None


@endpoint("GET", "/_matrix/client/v1/rooms/{roomId}/hierarchy", rate=RateKind.READ)
async def get_space_hierarchy(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetSpaceHierarchyRequest
) -> GetSpaceHierarchyResponse:
    """GET /_matrix/client/v1/rooms/{roomId}/hierarchy.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidhierarchy
    """
    depth = request.max_depth
    if request.limit < 1 or (depth is not None and depth < 0):
        raise errors.InvalidParam("limit or max_depth out of range")
    asked = read_hierarchy.Asked(request.suggested_only, _DEPTH if depth is None else min(depth, _DEPTH))
    kind = f"h{int(asked.suggested_only)}.{asked.depth_max}."
    skip = 0
    if request.start is not None:
        if not request.start.startswith(kind) or not request.start[len(kind) :].isdigit():
            raise errors.InvalidParam("The token is of another request")
        skip = int(request.start[len(kind) :])
    limit = min(request.limit, _LIMIT)
    found, more = await read_hierarchy.read_hierarchy(
        ctx, tenant, requester, request.room_id, asked, skip=skip, limit=limit
    )
    rooms = [
        HierarchyRoom(**msgspec.structs.asdict(entry.summary), children_state=entry.children)
        for entry in found
    ]
    return GetSpaceHierarchyResponse(rooms, f"{kind}{skip + limit}" if more else None)
