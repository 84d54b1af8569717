"""Step: the key with which a tenant signs now."""

from timserver.context import Context
from timserver.matrix.signing import SigningKey, make_signing_key
from timserver.store import tenants
from timserver.tenancy import Tenant


async def signing_key(ctx: Context, tenant: Tenant) -> SigningKey:
    """The newest key that has not expired."""
    known = ctx.caches.signing_keys.get(tenant.tenant_id)
    if known is not None:
        return known
    async with ctx.database.transaction(tenant) as conn:
        rows = await tenants.keys(conn, tenant)
    row = next(row for row in rows if row.expired_ts is None)
    key = make_signing_key(row.key_id, ctx.database.vault.open(row.seed))
    assert key.public_key == row.public_key, "the sealed seed belongs to another key"
    return ctx.caches.signing_keys.put(tenant.tenant_id, key)
