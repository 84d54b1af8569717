"""The same as `timserver federation check`, for a tenant's administrators."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, Path, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Requester, Tenant
from timserver.usecases.federation.check_server import Stage, check_server


class CheckRequest(Request, frozen=True, kw_only=True):
    """Which server."""

    server_name: Annotated[ServerName, Path("serverName")]


class CheckResponse(msgspec.Struct, frozen=True):
    """The stages as far as they went; `ok` when none failed."""

    ok: bool
    stages: list[Stage]


@endpoint(
    "POST",
    "/_timserver/admin/v1/federation/check/{serverName}",
    auth=Auth.ADMIN,
    rate=RateKind.ROOM,
)
async def check_federation(
    ctx: Context, tenant: Tenant, requester: Requester, request: CheckRequest
) -> CheckResponse:
    """POST /_timserver/admin/v1/federation/check/{serverName}: can this tenant and that server talk?"""
    stages = [stage async for stage in check_server(ctx, tenant, request.server_name)]
    return CheckResponse(all(stage.ok for stage in stages), stages)
