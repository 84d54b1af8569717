"""The directory of published rooms."""

from typing import Annotated, Literal

import msgspec

from timserver.api.endpoint import Auth, Empty, Path, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms import directory


class RoomRequest(Request, frozen=True, kw_only=True):
    """Which room."""

    room_id: Annotated[RoomID, Path("roomId")]


class SetRoomVisibilityOnDirectoryRequest(RoomRequest, frozen=True, kw_only=True):
    """Listed or not."""

    visibility: Literal["public", "private"] = "public"


class GetRoomVisibilityOnDirectoryResponse(msgspec.Struct, frozen=True):
    """Listed or not."""

    visibility: str


class GetPublicRoomsRequest(Request, frozen=True, kw_only=True):
    """From where, and how many."""

    limit: Annotated[int | None, Query("limit")] = None
    since: Annotated[str | None, Query("since")] = None
    server: Annotated[ServerName | None, Query("server")] = None


class PublicRoomsFilter(msgspec.Struct, frozen=True):
    """Which rooms."""

    generic_search_term: str | None = None
    room_types: list[str | None] | None = None


class QueryPublicRoomsRequest(Request, frozen=True, kw_only=True):
    """Which rooms, from where, and how many."""

    server: Annotated[ServerName | None, Query("server")] = None
    limit: int | None = None
    since: str | None = None
    filter: PublicRoomsFilter = PublicRoomsFilter()
    include_all_networks: bool = False
    third_party_instance_id: str | None = None


@endpoint("GET", "/_matrix/client/v3/directory/list/room/{roomId}", auth=Auth.OPTIONAL)
async def get_room_visibility_on_directory(
    ctx: Context, tenant: Tenant, requester: Requester | None, request: RoomRequest
) -> GetRoomVisibilityOnDirectoryResponse:
    """GET /_matrix/client/v3/directory/list/room/{roomId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directorylistroomroomid
    """
    listed = await directory.read_visibility(ctx, tenant, requester, request.room_id)
    return GetRoomVisibilityOnDirectoryResponse("public" if listed else "private")


@endpoint("PUT", "/_matrix/client/v3/directory/list/room/{roomId}")
async def set_room_visibility_on_directory(
    ctx: Context, tenant: Tenant, requester: Requester, request: SetRoomVisibilityOnDirectoryRequest
) -> Empty:
    """PUT /_matrix/client/v3/directory/list/room/{roomId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directorylistroomroomid
    """
    listed = request.visibility == "public"
    await directory.set_visibility(ctx, tenant, requester, request.room_id, listed=listed)
    return Empty()


@endpoint("GET", "/_matrix/client/v3/publicRooms", auth=Auth.OPTIONAL)
async def get_public_rooms(
    ctx: Context, tenant: Tenant, requester: Requester | None, request: GetPublicRoomsRequest
) -> directory.Listing:
    """GET /_matrix/client/v3/publicRooms.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3publicrooms
    """
    wanted = directory.Wanted(since=request.since, limit=request.limit)
    return await _page(ctx, tenant, requester, request.server, wanted)


@endpoint("POST", "/_matrix/client/v3/publicRooms", auth=Auth.OPTIONAL)
async def query_public_rooms(
    ctx: Context, tenant: Tenant, requester: Requester | None, request: QueryPublicRoomsRequest
) -> directory.Listing:
    """POST /_matrix/client/v3/publicRooms.

    The token is asked for behind the policy, which may refuse with or without one.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3publicrooms
    """
    types = request.filter.room_types
    wanted = directory.Wanted(
        term=request.filter.generic_search_term,
        room_types=None if types is None else tuple(types),
        since=request.since,
        limit=request.limit,
    )
    page = await _page(ctx, tenant, requester, request.server, wanted)
    if requester is None:
        raise errors.MissingToken()
    return page


async def _page(
    ctx: Context,
    tenant: Tenant,
    requester: Requester | None,
    server: ServerName | None,
    wanted: directory.Wanted,
) -> directory.Listing:
    if server is not None and server != tenant.server_name:
        return await directory.list_rooms_elsewhere(ctx, tenant, requester, server, wanted)
    return await directory.list_rooms(ctx, tenant, requester, wanted)
