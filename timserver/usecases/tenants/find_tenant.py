"""Which tenant is asked (REQUIREMENTS MT-1)."""

from timserver.context import Context
from timserver.store import tenants
from timserver.store.caches import STALE_S
from timserver.tenancy import Tenant


async def find_tenant(ctx: Context, host: str) -> Tenant | None:
    """By Host header or server name."""
    now = ctx.clock.monotonic_s()
    known = ctx.caches.tenants.get(host)
    if known is not None and now - known[0] < STALE_S:
        return known[1]
    async with ctx.database.directory() as conn:
        tenant = await tenants.find_by_host(conn, host)
    if tenant is None:
        ctx.caches.tenants.drop(host)
        return None
    if known is not None and known[1] == tenant:
        tenant = known[1]
    ctx.caches.tenants.put(host, (now, tenant))
    return tenant
