"""The directory of published rooms."""

from typing import Annotated, Literal

import msgspec

from timserver.api.endpoint import Auth, Empty, Path, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms import directory
from timserver.usecases.rooms.summaries import Summary


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


class PublishedRoom(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room of the directory."""

    room_id: str
    num_joined_members: int
    world_readable: bool
    guest_can_join: bool
    join_rule: str
    name: str | None = None
    topic: str | None = None
    canonical_alias: str | None = None
    avatar_url: str | None = None
    room_type: str | None = None


class PublicRoomsResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page."""

    chunk: list[PublishedRoom]
    total_room_count_estimate: int
    next_batch: str | None = None
    prev_batch: str | None = None


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
) -> PublicRoomsResponse:
    """GET /_matrix/client/v3/publicRooms.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3publicrooms
    """
    wanted = directory.Wanted(skip=_read(request.since), limit=_limit(ctx, request.limit))
    return await _page(ctx, tenant, requester, request.server, wanted)


@endpoint("POST", "/_matrix/client/v3/publicRooms", auth=Auth.OPTIONAL)
async def query_public_rooms(
    ctx: Context, tenant: Tenant, requester: Requester | None, request: QueryPublicRoomsRequest
) -> PublicRoomsResponse:
    """POST /_matrix/client/v3/publicRooms.

    The token is asked for behind the policy, which may refuse with or without one.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3publicrooms
    """
    types = request.filter.room_types
    wanted = directory.Wanted(
        term=request.filter.generic_search_term,
        room_types=None if types is None else tuple(types),
        skip=_read(request.since),
        limit=_limit(ctx, request.limit),
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
) -> PublicRoomsResponse:
    found = await directory.list_rooms(ctx, tenant, requester, wanted)
    if server is not None and server != tenant.server_name:
        raise errors.NotFound("That server cannot be reached")
    after = wanted.skip + len(found.rooms)
    return PublicRoomsResponse(
        chunk=[_published(summary) for summary in found.rooms],
        total_room_count_estimate=found.total,
        next_batch=f"d{after}" if after < found.total else None,
        prev_batch=f"d{max(0, wanted.skip - wanted.limit)}" if wanted.skip else None,
    )


def _published(summary: Summary) -> PublishedRoom:
    return PublishedRoom(
        room_id=summary.room_id,
        num_joined_members=summary.num_joined_members,
        world_readable=summary.world_readable,
        guest_can_join=summary.guest_can_join,
        join_rule=summary.join_rule,
        name=summary.name,
        topic=summary.topic,
        canonical_alias=summary.canonical_alias,
        avatar_url=summary.avatar_url,
        room_type=summary.room_type,
    )


def _limit(ctx: Context, limit: int | None) -> int:
    most = ctx.settings.limits.page_rooms_max
    return most if limit is None or limit < 1 else min(limit, most)


def _read(since: str | None) -> int:
    if not since:
        return 0
    if since[0] != "d" or not since[1:].isdigit() or len(since) > 12:
        raise errors.InvalidParam("Unknown token")
    return int(since[1:])
