"""`/user/{userId}/openid/request_token`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Path, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import UserID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.make_openid_token import OPENID_LIFE_S, make_openid_token


class OpenIdRequest(Request, frozen=True, kw_only=True):
    """For whom."""

    user_id: Annotated[UserID, Path("userId")]


class OpenIdResponse(msgspec.Struct, frozen=True):
    """The token, and where it can be checked."""

    access_token: str
    matrix_server_name: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - not a secret


@endpoint("POST", "/_matrix/client/v3/user/{userId}/openid/request_token", rate=RateKind.READ)
async def request_open_id_token(
    ctx: Context, tenant: Tenant, requester: Requester, request: OpenIdRequest
) -> OpenIdResponse:
    """POST /_matrix/client/v3/user/{userId}/openid/request_token.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridopenidrequest_token
    """
    token = await make_openid_token(ctx, tenant, requester, request.user_id)
    return OpenIdResponse(token, tenant.server_name, OPENID_LIFE_S)
