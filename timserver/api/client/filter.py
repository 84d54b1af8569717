"""`/user/{userId}/filter`."""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import Answer, Path, Request, WholeBody, endpoint
from timserver.context import Context
from timserver.matrix.ids import UserID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.account_data import filters


class DefineFilterRequest(Request, frozen=True, kw_only=True):
    """A filter to keep."""

    user_id: Annotated[UserID, Path("userId")]
    content: Annotated[dict[str, Any], WholeBody()]


class DefineFilterResponse(msgspec.Struct, frozen=True):
    """By which it is found."""

    filter_id: str


class GetFilterRequest(Request, frozen=True, kw_only=True):
    """Which filter."""

    user_id: Annotated[UserID, Path("userId")]
    filter_id: Annotated[str, Path("filterId")]


@endpoint("POST", "/_matrix/client/v3/user/{userId}/filter")
async def define_filter(
    ctx: Context, tenant: Tenant, requester: Requester, request: DefineFilterRequest
) -> DefineFilterResponse:
    """POST /_matrix/client/v3/user/{userId}/filter.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter
    """
    body = msgspec.json.encode(request.content)
    filter_id = await filters.store_filter(ctx, tenant, requester, request.user_id, body)
    return DefineFilterResponse(str(filter_id))


@endpoint("GET", "/_matrix/client/v3/user/{userId}/filter/{filterId}")
async def get_filter(ctx: Context, tenant: Tenant, requester: Requester, request: GetFilterRequest) -> Answer:
    """GET /_matrix/client/v3/user/{userId}/filter/{filterId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridfilterfilterid
    """
    return Answer(body=await filters.read_filter(ctx, tenant, requester, request.user_id, request.filter_id))
