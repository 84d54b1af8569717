"""A tenant goes for good: every row, every file (there is no way back but a backup)."""

from timserver.context import Context
from timserver.store import tenants
from timserver.tenancy import Tenant


async def delete_tenant(ctx: Context, tenant: Tenant, *, dry_run: bool) -> dict[str, int]:
    """Rows per table that were (or would be) removed; tables without rows are left out."""
    counts = await tenants.erase(ctx.database, tenant, really=not dry_run)
    if not dry_run:
        await ctx.media.blobs.delete_all(tenant)
        ctx.caches.drop_named(tenant.tenant_id, "tenant")
        ctx.streams.forget(tenant, "tenant")
    return {row.table: row.rows for row in counts}
