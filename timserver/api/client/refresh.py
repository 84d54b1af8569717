"""`/refresh`."""

import msgspec

from timserver.api.endpoint import Auth, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.tenancy import Tenant
from timserver.usecases.accounts.refresh_session import refresh_session


class RefreshRequest(Request, frozen=True, kw_only=True):
    """The token that came with the last pair."""

    refresh_token: str


class RefreshResponse(msgspec.Struct, frozen=True):
    """A new pair."""

    access_token: str
    refresh_token: str | None
    expires_in_ms: int | None


@endpoint("POST", "/_matrix/client/v3/refresh", auth=Auth.NONE, rate=RateKind.LOGIN_ADDRESS)
async def refresh(ctx: Context, tenant: Tenant, request: RefreshRequest) -> RefreshResponse:
    """POST /_matrix/client/v3/refresh.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3refresh
    """
    tokens = await refresh_session(ctx, tenant, request.refresh_token)
    return RefreshResponse(tokens.access_token, tokens.refresh_token, tokens.expires_in_ms)
