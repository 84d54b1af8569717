"""Step: the key with which a tenant signs now."""

from timserver.context import Context
from timserver.matrix import server_keys
from timserver.matrix.signing import SigningKey, make_signing_key
from timserver.store import tenants
from timserver.store.caches import STALE_S
from timserver.tenancy import Tenant


async def signing_key(ctx: Context, tenant: Tenant) -> SigningKey:
    """The newest key that has not expired. Another process may have made a newer one, at most `STALE_S` ago."""
    now_s = ctx.clock.monotonic_s()
    known = ctx.caches.signing_keys.get(tenant.tenant_id)
    if known is not None and now_s - known[0] < STALE_S:
        return known[1]
    async with ctx.database.transaction(tenant) as conn:
        rows = await tenants.keys(conn, tenant)
    row = next(row for row in rows if row.expired_ts is None)
    key = open_key(ctx, row)
    ctx.caches.signing_keys.put(tenant.tenant_id, (now_s, key))
    return key


def open_key(ctx: Context, row: tenants.KeyRow) -> SigningKey:
    """The key of a row."""
    key = make_signing_key(row.key_id, ctx.database.vault.open(row.seed))
    assert key.public_key == row.public_key, "the sealed seed belongs to another key"
    assert key.public_key not in server_keys.KNOWN_BAD, "a key that everybody has: rotate it"
    return key
