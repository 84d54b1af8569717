"""`/presence`."""

from typing import Annotated, Literal

import msgspec

from timserver.api.endpoint import Empty, Path, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import UserID
from timserver.store.ephemeral import NAMES, ONLINE
from timserver.tenancy import Requester, Tenant
from timserver.usecases.ephemeral import presence as usecase


class GetPresenceRequest(Request, frozen=True, kw_only=True):
    """Of whom."""

    user_id: Annotated[UserID, Path("userId")]


class SetPresenceRequest(Request, frozen=True, kw_only=True):
    """The own presence."""

    user_id: Annotated[UserID, Path("userId")]
    presence: Literal["offline", "online", "unavailable"]
    status_msg: str | None = None


class PresenceResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a user."""

    presence: str
    last_active_ago: int | None = None
    status_msg: str | None = None
    currently_active: bool | None = None


@endpoint("GET", "/_matrix/client/v3/presence/{userId}/status")
async def get_presence(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetPresenceRequest
) -> PresenceResponse:
    """GET /_matrix/client/v3/presence/{userId}/status.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3presenceuseridstatus
    """
    found = await usecase.presence_of(ctx, tenant, requester, request.user_id)
    ago = ctx.clock.now_ms() - found.last_active_ts if found.last_active_ts else None
    return PresenceResponse(NAMES[found.presence], ago, found.status_msg, found.presence == ONLINE)


@endpoint(
    "PUT", "/_matrix/client/v3/presence/{userId}/status", rate=RateKind.MESSAGE, may_when_suspended=False
)
async def set_presence(
    ctx: Context, tenant: Tenant, requester: Requester, request: SetPresenceRequest
) -> Empty:
    """PUT /_matrix/client/v3/presence/{userId}/status.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3presenceuseridstatus
    """
    if request.user_id != requester.user_id:
        raise errors.Forbidden("You can only set your own presence")
    await usecase.set_presence(ctx, tenant, requester, NAMES.index(request.presence), request.status_msg)
    return Empty()
