"""`/publicRooms`: the directory of published rooms for other servers."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant
from timserver.usecases.rooms import directory


class GetPublicRoomsRequest(Request, frozen=True, kw_only=True):
    """From where, and how many."""

    limit: Annotated[int | None, Query("limit")] = None
    since: Annotated[str | None, Query("since")] = None
    include_all_networks: Annotated[bool, Query("include_all_networks")] = False
    third_party_instance_id: Annotated[str | None, Query("third_party_instance_id")] = None


class PublicRoomsFilter(msgspec.Struct, frozen=True):
    """Which rooms."""

    generic_search_term: str | None = None
    room_types: list[str | None] | None = None


class QueryPublicRoomsRequest(Request, frozen=True, kw_only=True):
    """Which rooms, from where, and how many."""

    limit: int | None = None
    since: str | None = None
    filter: PublicRoomsFilter = PublicRoomsFilter()
    include_all_networks: bool = False
    third_party_instance_id: str | None = None


@endpoint("GET", "/_matrix/federation/v1/publicRooms", auth=Auth.SERVER)
async def get_public_rooms(
    ctx: Context, tenant: Tenant, origin: ServerName, request: GetPublicRoomsRequest
) -> directory.Listing:
    """GET /_matrix/federation/v1/publicRooms.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1publicrooms
    """
    wanted = directory.Wanted(since=request.since, limit=request.limit)
    return await directory.list_rooms_for_server(ctx, tenant, wanted)


@endpoint("POST", "/_matrix/federation/v1/publicRooms", auth=Auth.SERVER)
async def query_public_rooms(
    ctx: Context, tenant: Tenant, origin: ServerName, request: QueryPublicRoomsRequest
) -> directory.Listing:
    """POST /_matrix/federation/v1/publicRooms.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1publicrooms
    """
    types = request.filter.room_types
    wanted = directory.Wanted(
        term=request.filter.generic_search_term,
        room_types=None if types is None else tuple(types),
        since=request.since,
        limit=request.limit,
    )
    return await directory.list_rooms_for_server(ctx, tenant, wanted)
