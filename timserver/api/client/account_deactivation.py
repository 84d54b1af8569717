"""`/account/deactivate`."""

import msgspec

from timserver.api.endpoint import endpoint
from timserver.api.user_interaction import InteractiveRequest, attempt
from timserver.context import Context
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.deactivate_account import deactivate_account as end_account


class DeactivateRequest(InteractiveRequest, frozen=True, kw_only=True):
    """Whether nothing may be left that shows the person."""

    erase: bool = False
    id_server: str | None = None


class UnbindResponse(msgspec.Struct, frozen=True):
    """Identity servers are not used here."""

    id_server_unbind_result: str = "no-support"


@endpoint("POST", "/_matrix/client/v3/account/deactivate")
async def deactivate_account(
    ctx: Context, tenant: Tenant, requester: Requester, request: DeactivateRequest
) -> UnbindResponse:
    """POST /_matrix/client/v3/account/deactivate.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate
    """
    await end_account(ctx, tenant, requester, attempt("deactivate_account", request), erase=request.erase)
    return UnbindResponse()
