"""`/account/password`."""

from timserver.api.endpoint import Auth, Empty, endpoint
from timserver.api.user_interaction import InteractiveRequest, attempt
from timserver.context import Context
from timserver.matrix import errors
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.change_password import change_password as set_password


class ChangePasswordRequest(InteractiveRequest, frozen=True, kw_only=True):
    """The new password, and whether other sessions end."""

    new_password: str
    logout_devices: bool = True


@endpoint("POST", "/_matrix/client/v3/account/password")
async def change_password(
    ctx: Context, tenant: Tenant, requester: Requester, request: ChangePasswordRequest
) -> Empty:
    """POST /_matrix/client/v3/account/password.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpassword
    """
    proof = attempt("change_password", request)
    await set_password(
        ctx, tenant, requester, request.new_password, proof, logout_devices=request.logout_devices
    )
    return Empty()


@endpoint("POST", "/_matrix/client/v3/account/password/email/requestToken", auth=Auth.NONE)
async def request_token_to_reset_password_email(ctx: Context, tenant: Tenant) -> None:
    """POST /_matrix/client/v3/account/password/email/requestToken: no addresses are bound here.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpasswordemailrequesttoken
    """
    raise errors.ThreepidNotFound()


@endpoint("POST", "/_matrix/client/v3/account/password/msisdn/requestToken", auth=Auth.NONE)
async def request_token_to_reset_password_msisdn(ctx: Context, tenant: Tenant) -> None:
    """POST /_matrix/client/v3/account/password/msisdn/requestToken: no addresses are bound here.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpasswordmsisdnrequesttoken
    """
    raise errors.ThreepidNotFound()
