"""`/hierarchy`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, Path, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import RoomID, ServerName
from timserver.tenancy import Tenant
from timserver.usecases.federation.read_space import read_space
from timserver.usecases.rooms.space_children import ChildState
from timserver.usecases.rooms.summaries import Summary


class GetSpaceHierarchyRequest(Request, frozen=True, kw_only=True):
    """Of which space."""

    room_id: Annotated[RoomID, Path("roomId")]
    suggested_only: Annotated[bool, Query("suggested_only")] = False


class ParentRoom(Summary, frozen=True, kw_only=True, omit_defaults=True):
    """The room that was asked for."""

    children_state: list[ChildState]


class GetSpaceHierarchyResponse(msgspec.Struct, frozen=True):
    """The room and its children."""

    room: ParentRoom
    children: list[Summary]
    inaccessible_children: list[RoomID]


@endpoint("GET", "/_matrix/federation/v1/hierarchy/{roomId}", auth=Auth.SERVER)
async def get_space_hierarchy(
    ctx: Context, tenant: Tenant, origin: ServerName, request: GetSpaceHierarchyRequest
) -> GetSpaceHierarchyResponse:
    """GET /_matrix/federation/v1/hierarchy/{roomId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1hierarchyroomid
    """
    found = await read_space(ctx, tenant, origin, request.room_id, suggested_only=request.suggested_only)
    room = ParentRoom(**msgspec.structs.asdict(found.room), children_state=found.children_state)
    return GetSpaceHierarchyResponse(room, found.children, found.inaccessible)
