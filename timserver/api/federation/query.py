"""`/query/profile`, `/query/directory`, and all others, which are not known."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Answer, Auth, Path, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomAlias, RoomID, ServerName, UserID
from timserver.tenancy import Tenant
from timserver.usecases.federation.read_alias import read_alias
from timserver.usecases.federation.read_profile import read_profile


class QueryInfoRequest(Request, frozen=True, kw_only=True):
    """What is asked for."""

    query_type: Annotated[str, Path("queryType")]


class QueryRoomDirectoryRequest(Request, frozen=True, kw_only=True):
    """Which alias."""

    room_alias: Annotated[RoomAlias, Query("room_alias")]


class QueryRoomDirectoryResponse(msgspec.Struct, frozen=True):
    """The room, and who is there."""

    room_id: RoomID
    servers: list[ServerName]


class QueryProfileRequest(Request, frozen=True, kw_only=True):
    """Whose profile, and which field of it."""

    user_id: Annotated[UserID, Query("user_id")]
    field: Annotated[str | None, Query("field")] = None


@endpoint("GET", "/_matrix/federation/v1/query/directory", auth=Auth.SERVER)
async def query_room_directory(
    ctx: Context, tenant: Tenant, origin: ServerName, request: QueryRoomDirectoryRequest
) -> QueryRoomDirectoryResponse:
    """GET /_matrix/federation/v1/query/directory.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1querydirectory
    """
    return QueryRoomDirectoryResponse(*await read_alias(ctx, tenant, request.room_alias))


@endpoint("GET", "/_matrix/federation/v1/query/profile", auth=Auth.SERVER)
async def query_profile(
    ctx: Context, tenant: Tenant, origin: ServerName, request: QueryProfileRequest
) -> Answer:
    """GET /_matrix/federation/v1/query/profile.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryprofile
    """
    profile = await read_profile(ctx, tenant, origin, request.user_id, request.field)
    return Answer(body=msgspec.json.encode(profile))


@endpoint("GET", "/_matrix/federation/v1/query/{queryType}", auth=Auth.SERVER)
async def query_info(ctx: Context, tenant: Tenant, origin: ServerName, request: QueryInfoRequest) -> None:
    """GET /_matrix/federation/v1/query/{queryType}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryquerytype
    """
    raise errors.Unrecognized("Unknown type of query")
