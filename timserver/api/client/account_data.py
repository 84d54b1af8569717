"""`/user/{userId}/account_data` and the same for a room."""

from typing import Annotated, Any

from timserver.api.endpoint import Answer, Empty, Path, Request, WholeBody, endpoint
from timserver.context import Context
from timserver.matrix.ids import RoomID, UserID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.account_data import read_account_data, write_account_data


class AccountDataRequest(Request, frozen=True, kw_only=True):
    """Which global account data."""

    user_id: Annotated[UserID, Path("userId")]
    type: Annotated[str, Path("type")]


class SetAccountDataRequest(AccountDataRequest, frozen=True, kw_only=True):
    """With its new content."""

    content: Annotated[dict[str, Any], WholeBody()]


class RoomAccountDataRequest(AccountDataRequest, frozen=True, kw_only=True):
    """Which account data of a room."""

    room_id: Annotated[RoomID, Path("roomId")]


class SetRoomAccountDataRequest(RoomAccountDataRequest, frozen=True, kw_only=True):
    """With its new content."""

    content: Annotated[dict[str, Any], WholeBody()]


@endpoint("GET", "/_matrix/client/v3/user/{userId}/account_data/{type}")
async def get_account_data(
    ctx: Context, tenant: Tenant, requester: Requester, request: AccountDataRequest
) -> Answer:
    """GET /_matrix/client/v3/user/{userId}/account_data/{type}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridaccount_datatype
    """
    return Answer(
        body=await read_account_data.read_account_data(
            ctx, tenant, requester, request.user_id, None, request.type
        )
    )


@endpoint("PUT", "/_matrix/client/v3/user/{userId}/account_data/{type}")
async def set_account_data(
    ctx: Context, tenant: Tenant, requester: Requester, request: SetAccountDataRequest
) -> Empty:
    """PUT /_matrix/client/v3/user/{userId}/account_data/{type}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype
    """
    await write_account_data.set_account_data(
        ctx, tenant, requester, request.user_id, None, request.type, request.content
    )
    return Empty()


@endpoint("GET", "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}")
async def get_account_data_per_room(
    ctx: Context, tenant: Tenant, requester: Requester, request: RoomAccountDataRequest
) -> Answer:
    """GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridroomsroomidaccount_datatype
    """
    return Answer(
        body=await read_account_data.read_account_data(
            ctx, tenant, requester, request.user_id, request.room_id, request.type
        )
    )


@endpoint("PUT", "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}")
async def set_account_data_per_room(
    ctx: Context, tenant: Tenant, requester: Requester, request: SetRoomAccountDataRequest
) -> Empty:
    """PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidaccount_datatype
    """
    await write_account_data.set_account_data(
        ctx, tenant, requester, request.user_id, request.room_id, request.type, request.content
    )
    return Empty()
