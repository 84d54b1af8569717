"""`/sync`."""

from typing import Annotated, Literal

from timserver.api.endpoint import Query, Request, endpoint
from timserver.context import Context
from timserver.store.ephemeral import NAMES
from timserver.tenancy import Requester, Tenant
from timserver.usecases.ephemeral import presence
from timserver.usecases.sync import token
from timserver.usecases.sync.asked import Asked
from timserver.usecases.sync.response import SyncResponse
from timserver.usecases.sync.stored_filter import filter_of
from timserver.usecases.sync.sync import sync as sync_since


class SyncRequest(Request, frozen=True, kw_only=True):
    """Since when, what, and how long to wait."""

    filter: Annotated[str | None, Query("filter")] = None
    since: Annotated[str | None, Query("since")] = None
    full_state: Annotated[bool, Query("full_state")] = False
    set_presence: Annotated[Literal["offline", "online", "unavailable"], Query("set_presence")] = "online"
    timeout: Annotated[int, Query("timeout")] = 0
    use_state_after: Annotated[bool, Query("use_state_after")] = False
    use_state_after_unstable: Annotated[bool, Query("org.matrix.msc4222.use_state_after")] = False


@endpoint("GET", "/_matrix/client/v3/sync", waits=True)
async def sync(ctx: Context, tenant: Tenant, requester: Requester, request: SyncRequest) -> SyncResponse:
    """GET /_matrix/client/v3/sync.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync
    """
    asked = Asked(
        requester=requester,
        since=token.read(request.since) if request.since else None,
        filter=await filter_of(ctx, tenant, requester, request.filter),
        full_state=request.full_state,
        state_after=request.use_state_after,
        timeout_ms=max(0, request.timeout),
    )
    await presence.seen(ctx, tenant, requester, NAMES.index(request.set_presence))
    return await sync_since(ctx, tenant, asked)
