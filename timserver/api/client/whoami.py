"""`/account/whoami`."""

import msgspec

from timserver.api.endpoint import endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.tenancy import Requester, Tenant


class WhoamiResponse(msgspec.Struct, frozen=True):
    """Who a token belongs to."""

    user_id: str
    device_id: str
    is_guest: bool = False


@endpoint("GET", "/_matrix/client/v3/account/whoami", rate=RateKind.READ)
async def get_token_owner(ctx: Context, tenant: Tenant, requester: Requester) -> WhoamiResponse:
    """GET /_matrix/client/v3/account/whoami.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami
    """
    return WhoamiResponse(requester.user_id, requester.device_id)
