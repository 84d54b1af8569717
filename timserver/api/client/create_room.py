"""`/createRoom`."""

from typing import Any, Literal

import msgspec

from timserver.api.endpoint import Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import InvalidID, parse_user_id
from timserver.matrix.room_presets import Preset, StateEvent
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms.create_room import NewRoom
from timserver.usecases.rooms.create_room import create_room as create


class InitialState(msgspec.Struct, frozen=True):
    """A state event to begin with."""

    type: str
    content: dict[str, Any]
    state_key: str = ""


class CreateRoomRequest(Request, frozen=True, kw_only=True):
    """The room that is wanted."""

    preset: Preset | None = None
    visibility: Literal["public", "private"] = "private"
    room_alias_name: str | None = None
    name: str | None = None
    topic: str | None = None
    invite: list[str] = []
    invite_3pid: list[dict[str, Any]] = []
    room_version: str | None = None
    creation_content: dict[str, Any] = {}
    initial_state: list[InitialState] = []
    is_direct: bool = False
    power_level_content_override: dict[str, Any] = {}


class CreateRoomResponse(msgspec.Struct, frozen=True):
    """The new room."""

    room_id: str


@endpoint("POST", "/_matrix/client/v3/createRoom", rate=RateKind.ROOM, may_when_suspended=False)
async def create_room(
    ctx: Context, tenant: Tenant, requester: Requester, request: CreateRoomRequest
) -> CreateRoomResponse:
    """POST /_matrix/client/v3/createRoom.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom
    """
    if request.invite_3pid:
        raise errors.ThreepidDenied()
    try:
        invite = [parse_user_id(user_id) for user_id in request.invite]
    except InvalidID as error:
        raise errors.InvalidParam("Invalid user id in invite") from error
    wanted = NewRoom(
        room_version=request.room_version,
        preset=request.preset,
        visibility=request.visibility,
        alias_localpart=request.room_alias_name,
        name=request.name,
        topic=request.topic,
        invite=invite,
        is_direct=request.is_direct,
        creation_content=request.creation_content,
        initial_state=[StateEvent(item.type, item.content, item.state_key) for item in request.initial_state],
        power_level_content_override=request.power_level_content_override,
    )
    return CreateRoomResponse(await create(ctx, tenant, requester, wanted))
