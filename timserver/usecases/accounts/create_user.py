"""A new local user, by the operator."""

from timserver.context import Context
from timserver.matrix.ids import UserID
from timserver.tenancy import Tenant
from timserver.usecases.accounts.new_account import insert_account, new_user_id, prepare_account


async def create_user(
    ctx: Context,
    tenant: Tenant,
    localpart: str,
    password: str | None,
    *,
    display_name: str | None = None,
    is_admin: bool = False,
) -> UserID:
    """Raises `InvalidUsername` and `UserInUse`. Without a password nobody can log in by password."""
    account = await prepare_account(ctx, tenant, localpart, password, is_admin=is_admin)
    async with ctx.database.transaction(tenant) as conn:
        await insert_account(ctx, conn, tenant, account, display_name)
    return new_user_id(tenant, localpart)
