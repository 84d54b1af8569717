"""All local users of a tenant, for the operator."""

from timserver.context import Context
from timserver.store import accounts
from timserver.tenancy import Tenant


async def list_users(ctx: Context, tenant: Tenant) -> list[accounts.AccountRow]:
    """By localpart."""
    async with ctx.database.transaction(tenant) as conn:
        return await accounts.all_accounts(conn, tenant)
