"""`/logout`, `/logout/all`."""

from timserver.api.endpoint import Empty, endpoint
from timserver.context import Context
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.log_out import log_out, log_out_everywhere


@endpoint("POST", "/_matrix/client/v3/logout", may_when_locked=True)
async def logout(ctx: Context, tenant: Tenant, requester: Requester) -> Empty:
    """POST /_matrix/client/v3/logout.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logout
    """
    await log_out(ctx, tenant, requester)
    return Empty()


@endpoint("POST", "/_matrix/client/v3/logout/all", may_when_locked=True)
async def logout_all(ctx: Context, tenant: Tenant, requester: Requester) -> Empty:
    """POST /_matrix/client/v3/logout/all.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logoutall
    """
    await log_out_everywhere(ctx, tenant, requester)
    return Empty()
