"""`/voip/turnServer`."""

from timserver.api.endpoint import Empty, endpoint
from timserver.context import Context
from timserver.tenancy import Requester, Tenant


@endpoint("GET", "/_matrix/client/v3/voip/turnServer")
async def get_turn_server(ctx: Context, tenant: Tenant, requester: Requester) -> Empty:
    """GET /_matrix/client/v3/voip/turnServer.

    Differs from the spec: without a TURN server the answer is empty, as every client expects it from other servers.
    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3voipturnserver
    """
    return Empty()
