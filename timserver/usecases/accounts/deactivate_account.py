"""The end of an account: nobody can log in again, and the name stays taken."""

from timserver.context import Context
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.end_account import end_account
from timserver.usecases.accounts.uia import Attempt, prove_password


async def deactivate_account(
    ctx: Context, tenant: Tenant, requester: Requester, attempt: Attempt, *, erase: bool
) -> None:
    """By the user, who proves to be it; `erase` takes the profile away too.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate
    """
    await prove_password(ctx, tenant, requester, attempt)
    await end_account(ctx, tenant, requester.user_id, requester.user_nid, erase=erase)
