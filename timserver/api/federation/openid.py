"""`/openid/userinfo`: for whoever holds a token, outside of every federation list (tim/REQUIREMENTS 2.5)."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import UserID
from timserver.tenancy import Tenant
from timserver.usecases.federation.read_openid_owner import read_openid_owner


class ExchangeOpenIdTokenRequest(Request, frozen=True, kw_only=True):
    """Whose token."""

    access_token: Annotated[str, Query("access_token")]


class ExchangeOpenIdTokenResponse(msgspec.Struct, frozen=True):
    """The user."""

    sub: UserID


@endpoint("GET", "/_matrix/federation/v1/openid/userinfo", auth=Auth.NONE)
async def exchange_open_id_token(
    ctx: Context, tenant: Tenant, request: ExchangeOpenIdTokenRequest
) -> ExchangeOpenIdTokenResponse:
    """GET /_matrix/federation/v1/openid/userinfo.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1openiduserinfo
    """
    return ExchangeOpenIdTokenResponse(await read_openid_owner(ctx, tenant, request.access_token))
