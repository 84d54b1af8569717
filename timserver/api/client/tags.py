"""`/user/{userId}/rooms/{roomId}/tags`."""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import Empty, Path, Request, WholeBody, endpoint
from timserver.context import Context
from timserver.matrix.ids import RoomID, UserID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.account_data import tags


class TagsRequest(Request, frozen=True, kw_only=True):
    """Tags of which room."""

    user_id: Annotated[UserID, Path("userId")]
    room_id: Annotated[RoomID, Path("roomId")]


class TagRequest(TagsRequest, frozen=True, kw_only=True):
    """One of them."""

    tag: Annotated[str, Path("tag")]


class SetTagRequest(TagRequest, frozen=True, kw_only=True):
    """With its content, mostly an `order`."""

    content: Annotated[dict[str, Any], WholeBody()]


class TagsResponse(msgspec.Struct, frozen=True):
    """Tags by name."""

    tags: dict[str, Any]


@endpoint("GET", "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags")
async def get_room_tags(
    ctx: Context, tenant: Tenant, requester: Requester, request: TagsRequest
) -> TagsResponse:
    """GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridroomsroomidtags
    """
    return TagsResponse(await tags.read_tags(ctx, tenant, requester, request.user_id, request.room_id))


@endpoint("PUT", "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}")
async def set_room_tag(ctx: Context, tenant: Tenant, requester: Requester, request: SetTagRequest) -> Empty:
    """PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidtagstag
    """
    await tags.set_tag(ctx, tenant, requester, request.user_id, request.room_id, request.tag, request.content)
    return Empty()


@endpoint("DELETE", "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}")
async def delete_room_tag(ctx: Context, tenant: Tenant, requester: Requester, request: TagRequest) -> Empty:
    """DELETE /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3useruseridroomsroomidtagstag
    """
    await tags.delete_tag(ctx, tenant, requester, request.user_id, request.room_id, request.tag)
    return Empty()
