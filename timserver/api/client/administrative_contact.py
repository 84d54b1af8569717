"""`/account/3pid`: addresses are not bound here, and every way to bind one is refused."""

import msgspec

from timserver.api.client.account_deactivation import UnbindResponse
from timserver.api.endpoint import Auth, endpoint
from timserver.context import Context
from timserver.matrix import errors
from timserver.tenancy import Requester, Tenant


class ThreepidsResponse(msgspec.Struct, frozen=True):
    """Always none."""

    threepids: tuple[str, ...] = ()


@endpoint("GET", "/_matrix/client/v3/account/3pid")
async def get_account3_pids(ctx: Context, tenant: Tenant, requester: Requester) -> ThreepidsResponse:
    """GET /_matrix/client/v3/account/3pid.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3account3pid
    """
    return ThreepidsResponse()


@endpoint("POST", "/_matrix/client/v3/account/3pid")
async def post3_pids(ctx: Context, tenant: Tenant, requester: Requester) -> None:
    """POST /_matrix/client/v3/account/3pid.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pid
    """
    raise errors.ThreepidDenied()


@endpoint("POST", "/_matrix/client/v3/account/3pid/add")
async def add3_pid(ctx: Context, tenant: Tenant, requester: Requester) -> None:
    """POST /_matrix/client/v3/account/3pid/add.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidadd
    """
    raise errors.ThreepidDenied()


@endpoint("POST", "/_matrix/client/v3/account/3pid/bind")
async def bind3_pid(ctx: Context, tenant: Tenant, requester: Requester) -> None:
    """POST /_matrix/client/v3/account/3pid/bind.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidbind
    """
    raise errors.ThreepidDenied()


@endpoint("POST", "/_matrix/client/v3/account/3pid/delete")
async def delete3pid_from_account(ctx: Context, tenant: Tenant, requester: Requester) -> UnbindResponse:
    """POST /_matrix/client/v3/account/3pid/delete.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3piddelete
    """
    return UnbindResponse()


@endpoint("POST", "/_matrix/client/v3/account/3pid/unbind")
async def unbind3pid_from_account(ctx: Context, tenant: Tenant, requester: Requester) -> UnbindResponse:
    """POST /_matrix/client/v3/account/3pid/unbind.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidunbind
    """
    return UnbindResponse()


@endpoint("POST", "/_matrix/client/v3/account/3pid/email/requestToken", auth=Auth.NONE)
async def request_token_to3_pid_email(ctx: Context, tenant: Tenant) -> None:
    """POST /_matrix/client/v3/account/3pid/email/requestToken.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidemailrequesttoken
    """
    raise errors.ThreepidDenied()


@endpoint("POST", "/_matrix/client/v3/account/3pid/msisdn/requestToken", auth=Auth.NONE)
async def request_token_to3_pidmsisdn(ctx: Context, tenant: Tenant) -> None:
    """POST /_matrix/client/v3/account/3pid/msisdn/requestToken.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3account3pidmsisdnrequesttoken
    """
    raise errors.ThreepidDenied()
