"""Membership: join, invite, leave, kick, ban, unban, knock, forget; one section per OpenAPI file of the spec.

The spec's files are joining, inviting, leaving, kicking, banning, knocking, list_joined_rooms.
"""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Empty, JsonBody, Path, Query, Request, WholeBody, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import InvalidID, RoomID, ServerName, UserID, parse_user_id
from timserver.store import rooms
from timserver.store.live_rooms import JOIN
from timserver.tenancy import Requester, Tenant
from timserver.usecases.membership import invite_user as inviting
from timserver.usecases.membership import leave_room as leaving
from timserver.usecases.membership.join_room import join_room as join_room_here
from timserver.usecases.rooms.resolve import locate_room


class RoomIdResponse(msgspec.Struct, frozen=True):
    """The room."""

    room_id: str


class JoinRoomByIdRequest(Request, frozen=True, kw_only=True):
    """A room by id; `reason` and whatever else the body has goes into the member event."""

    room_id: Annotated[RoomID, Path("roomId")]
    content: Annotated[JsonBody, WholeBody()] = {}


class LeaveRoomRequest(Request, frozen=True, kw_only=True):
    """A room by id."""

    room_id: Annotated[RoomID, Path("roomId")]
    reason: str | None = None


class JoinRoomRequest(Request, frozen=True, kw_only=True):
    """A room by id or alias, and servers that may help; the body as when joining by id."""

    room_id_or_alias: Annotated[str, Path("roomIdOrAlias")]
    server_name: Annotated[tuple[ServerName, ...], Query("server_name")] = ()
    via: Annotated[tuple[ServerName, ...], Query("via")] = ()
    content: Annotated[JsonBody, WholeBody()] = {}


class KnockRoomRequest(Request, frozen=True, kw_only=True):
    """A room by id or alias, and servers that may help."""

    room_id_or_alias: Annotated[str, Path("roomIdOrAlias")]
    server_name: Annotated[tuple[ServerName, ...], Query("server_name")] = ()
    via: Annotated[tuple[ServerName, ...], Query("via")] = ()
    reason: str | None = None


class TargetRequest(Request, frozen=True, kw_only=True):
    """Somebody in a room."""

    room_id: Annotated[RoomID, Path("roomId")]
    user_id: str
    reason: str | None = None


class JoinedRoomsResponse(msgspec.Struct, frozen=True):
    """Rooms that the user is in."""

    joined_rooms: list[str]


def _target(request: TargetRequest) -> UserID:
    try:
        return parse_user_id(request.user_id)
    except InvalidID as error:
        raise errors.InvalidParam("Invalid user_id") from error


def _reason_in(content: JsonBody) -> str | None:
    reason = content.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise errors.BadJson("reason must be a string")
    return reason


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/join", rate=RateKind.JOIN, may_when_suspended=False)
async def join_room_by_id(
    ctx: Context, tenant: Tenant, requester: Requester, request: JoinRoomByIdRequest
) -> RoomIdResponse:
    """POST /_matrix/client/v3/rooms/{roomId}/join.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidjoin
    """
    reason = _reason_in(request.content)
    await join_room_here(ctx, tenant, requester, request.room_id, reason=reason, more=request.content)
    return RoomIdResponse(request.room_id)


@endpoint("POST", "/_matrix/client/v3/join/{roomIdOrAlias}", rate=RateKind.JOIN, may_when_suspended=False)
async def join_room(
    ctx: Context, tenant: Tenant, requester: Requester, request: JoinRoomRequest
) -> RoomIdResponse:
    """POST /_matrix/client/v3/join/{roomIdOrAlias}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3joinroomidoralias
    """
    located = await locate_room(ctx, tenant, request.room_id_or_alias)
    room_id, via = located.room_id, (*request.via, *request.server_name, *located.servers)
    reason = _reason_in(request.content)
    await join_room_here(ctx, tenant, requester, room_id, via=via, reason=reason, more=request.content)
    return RoomIdResponse(room_id)


@endpoint("POST", "/_matrix/client/v3/knock/{roomIdOrAlias}", rate=RateKind.JOIN, may_when_suspended=False)
async def knock_room(
    ctx: Context, tenant: Tenant, requester: Requester, request: KnockRoomRequest
) -> RoomIdResponse:
    """POST /_matrix/client/v3/knock/{roomIdOrAlias}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3knockroomidoralias
    """
    located = await locate_room(ctx, tenant, request.room_id_or_alias)
    room_id, via = located.room_id, (*request.via, *request.server_name, *located.servers)
    await leaving.knock_room(ctx, tenant, requester, room_id, via=via, reason=request.reason)
    return RoomIdResponse(room_id)


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/invite", rate=RateKind.INVITE, may_when_suspended=False)
async def invite_user(ctx: Context, tenant: Tenant, requester: Requester, request: TargetRequest) -> Empty:
    """POST /_matrix/client/v3/rooms/{roomId}/invite.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidinvite
    """
    await inviting.invite_user(
        ctx, tenant, requester, request.room_id, _target(request), reason=request.reason
    )
    return Empty()


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/leave", rate=RateKind.MESSAGE)
async def leave_room(ctx: Context, tenant: Tenant, requester: Requester, request: LeaveRoomRequest) -> Empty:
    """POST /_matrix/client/v3/rooms/{roomId}/leave.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidleave
    """
    await leaving.leave_room(ctx, tenant, requester, request.room_id, request.reason)
    return Empty()


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/kick", may_when_suspended=False)
async def kick(ctx: Context, tenant: Tenant, requester: Requester, request: TargetRequest) -> Empty:
    """POST /_matrix/client/v3/rooms/{roomId}/kick.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidkick
    """
    await leaving.kick_user(ctx, tenant, requester, request.room_id, _target(request), request.reason)
    return Empty()


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/ban", may_when_suspended=False)
async def ban(ctx: Context, tenant: Tenant, requester: Requester, request: TargetRequest) -> Empty:
    """POST /_matrix/client/v3/rooms/{roomId}/ban.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidban
    """
    await leaving.ban_user(ctx, tenant, requester, request.room_id, _target(request), request.reason)
    return Empty()


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/unban", may_when_suspended=False)
async def unban(ctx: Context, tenant: Tenant, requester: Requester, request: TargetRequest) -> Empty:
    """POST /_matrix/client/v3/rooms/{roomId}/unban.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidunban
    """
    await leaving.unban_user(ctx, tenant, requester, request.room_id, _target(request), request.reason)
    return Empty()


class ForgetRoomRequest(Request, frozen=True, kw_only=True):
    """A room by id."""

    room_id: Annotated[RoomID, Path("roomId")]


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/forget", rate=RateKind.MESSAGE)
async def forget_room(
    ctx: Context, tenant: Tenant, requester: Requester, request: ForgetRoomRequest
) -> Empty:
    """POST /_matrix/client/v3/rooms/{roomId}/forget.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidforget
    """
    await leaving.forget_room(ctx, tenant, requester, request.room_id)
    return Empty()


@endpoint("GET", "/_matrix/client/v3/joined_rooms")
async def get_joined_rooms(ctx: Context, tenant: Tenant, requester: Requester) -> JoinedRoomsResponse:
    """GET /_matrix/client/v3/joined_rooms.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3joined_rooms
    """
    async with ctx.database.transaction(tenant) as conn:
        found = await rooms.rooms_of(conn, tenant, requester.user_nid)
    return JoinedRoomsResponse([row.room_id for row in found if row.membership == JOIN])
