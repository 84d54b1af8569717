"""All tenants, for the operator."""

from timserver.context import Context
from timserver.store import tenants
from timserver.tenancy import Tenant


async def list_tenants(ctx: Context) -> list[Tenant]:
    """By server name."""
    async with ctx.database.directory() as conn:
        return await tenants.all_tenants(conn)
