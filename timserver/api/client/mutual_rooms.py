"""`/mutual_rooms`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Query, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import UserID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms.summarize_room import mutual_rooms


class GetMutualRoomsRequest(Request, frozen=True, kw_only=True):
    """With whom."""

    user_id: Annotated[UserID, Query("user_id")]
    start: Annotated[str | None, Query("from")] = None


class GetMutualRoomsResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rooms where both are."""

    joined: list[str]
    count: int
    next_batch: str | None = None


@endpoint("GET", "/_matrix/client/v1/mutual_rooms", rate=RateKind.READ)
async def get_mutual_rooms(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetMutualRoomsRequest
) -> GetMutualRoomsResponse:
    """GET /_matrix/client/v1/mutual_rooms.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mutual_rooms
    """
    if request.start is not None and not request.start.isdigit():
        raise errors.InvalidParam("Unknown token")
    found = await mutual_rooms(ctx, tenant, requester, request.user_id)
    skip, most = int(request.start or 0), ctx.settings.limits.page_rooms_max
    more = str(skip + most) if len(found) > skip + most else None
    return GetMutualRoomsResponse(found[skip : skip + most], len(found), more)
