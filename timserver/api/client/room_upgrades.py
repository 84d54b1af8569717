"""`/rooms/{roomId}/upgrade`."""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import Path, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import RoomID
from timserver.matrix.room_presets import parse_additional_creators
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms import upgrade_room as upgrading


class UpgradeRoomRequest(Request, frozen=True, kw_only=True):
    """Which room, to which version."""

    room_id: Annotated[RoomID, Path("roomId")]
    new_version: str
    additional_creators: list[Any] = []


class UpgradeRoomResponse(msgspec.Struct, frozen=True):
    """The new room."""

    replacement_room: str


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/upgrade", rate=RateKind.ROOM)
async def upgrade_room(
    ctx: Context, tenant: Tenant, requester: Requester, request: UpgradeRoomRequest
) -> UpgradeRoomResponse:
    """POST /_matrix/client/v3/rooms/{roomId}/upgrade.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidupgrade
    """
    creators = parse_additional_creators(request.additional_creators)
    return UpgradeRoomResponse(
        await upgrading.upgrade_room(ctx, tenant, requester, request.room_id, request.new_version, creators)
    )
