"""Room aliases."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, Empty, Path, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import InvalidID, RoomAlias, RoomID, ServerName, parse_room_id
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms import change_aliases
from timserver.usecases.rooms.resolve import locate_room


class AliasRequest(Request, frozen=True, kw_only=True):
    """Which alias."""

    room_alias: Annotated[RoomAlias, Path("roomAlias")]


class SetRoomAliasRequest(AliasRequest, frozen=True, kw_only=True):
    """To which room."""

    room_id: str


class GetRoomIdByAliasResponse(msgspec.Struct, frozen=True):
    """The room, and servers that know it."""

    room_id: str
    servers: list[ServerName]


class GetLocalAliasesRequest(Request, frozen=True, kw_only=True):
    """Of which room."""

    room_id: Annotated[RoomID, Path("roomId")]


class GetLocalAliasesResponse(msgspec.Struct, frozen=True):
    """The room's aliases on this server."""

    aliases: list[RoomAlias]


@endpoint("GET", "/_matrix/client/v3/directory/room/{roomAlias}", auth=Auth.NONE)
async def get_room_id_by_alias(
    ctx: Context, tenant: Tenant, request: AliasRequest
) -> GetRoomIdByAliasResponse:
    """GET /_matrix/client/v3/directory/room/{roomAlias}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directoryroomroomalias
    """
    located = await locate_room(ctx, tenant, request.room_alias)
    return GetRoomIdByAliasResponse(located.room_id, list(located.servers))


@endpoint("PUT", "/_matrix/client/v3/directory/room/{roomAlias}", rate=RateKind.ROOM)
async def set_room_alias(
    ctx: Context, tenant: Tenant, requester: Requester, request: SetRoomAliasRequest
) -> Empty:
    """PUT /_matrix/client/v3/directory/room/{roomAlias}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directoryroomroomalias
    """
    try:
        room_id = parse_room_id(request.room_id)
    except InvalidID as error:
        raise errors.InvalidParam("Invalid room_id") from error
    await change_aliases.create_alias(ctx, tenant, requester, request.room_alias, room_id)
    return Empty()


@endpoint("DELETE", "/_matrix/client/v3/directory/room/{roomAlias}")
async def delete_room_alias(
    ctx: Context, tenant: Tenant, requester: Requester, request: AliasRequest
) -> Empty:
    """DELETE /_matrix/client/v3/directory/room/{roomAlias}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3directoryroomroomalias
    """
    await change_aliases.delete_alias(ctx, tenant, requester, request.room_alias)
    return Empty()


@endpoint("GET", "/_matrix/client/v3/rooms/{roomId}/aliases", rate=RateKind.READ)
async def get_local_aliases(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetLocalAliasesRequest
) -> GetLocalAliasesResponse:
    """GET /_matrix/client/v3/rooms/{roomId}/aliases.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidaliases
    """
    return GetLocalAliasesResponse(await change_aliases.read_aliases(ctx, tenant, requester, request.room_id))
