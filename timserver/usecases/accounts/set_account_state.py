"""Lock, unlock, suspend or deactivate a user, by the operator."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import make_user_id
from timserver.store import accounts
from timserver.tenancy import Tenant
from timserver.usecases.accounts.end_account import end_account


async def set_account_state(ctx: Context, tenant: Tenant, localpart: str, state: int) -> None:
    """`state` is one of `accounts.ACTIVE` and its neighbors; deactivation is final, ends all sessions and leaves all rooms.

    Raises `NotFound`, and `UserDeactivated` for one who is.
    """
    async with ctx.database.transaction(tenant) as conn:
        account = await accounts.find_account(conn, tenant, localpart)
        if account is None:
            raise errors.NotFound(f"no user {localpart} at {tenant.server_name}")
        if account.state == accounts.DEACTIVATED:
            raise errors.UserDeactivated()
        await accounts.set_state(conn, tenant, account.user_nid, state)
    ctx.caches.drop_named(tenant.tenant_id, f"tokens:{account.user_nid}")
    ctx.streams.forget(tenant, f"tokens:{account.user_nid}")
    if state == accounts.DEACTIVATED:
        user_id = make_user_id(localpart, tenant.server_name)
        await end_account(ctx, tenant, user_id, account.user_nid, erase=False)
