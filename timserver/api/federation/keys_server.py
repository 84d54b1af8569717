"""The tenant's own signing keys. Open to everybody (A_26224, A_26244): without them nothing could be verified."""

from timserver.api.endpoint import Answer, Auth, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.tenancy import Tenant
from timserver.usecases.federation.own_keys import own_key_document


@endpoint("GET", "/_matrix/key/v2/server", auth=Auth.NONE, rate=RateKind.FEDERATION)
async def get_server_key(ctx: Context, tenant: Tenant) -> Answer:
    """GET /_matrix/key/v2/server.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2server
    """
    return Answer(body=await own_key_document(ctx, tenant))
