"""A tenant signs with a new key from now on; what it has signed stays valid."""

from timserver.context import Context
from timserver.matrix import signing
from timserver.store import tenants
from timserver.store.caches import STALE_S
from timserver.tenancy import Tenant

GRACE_MS = int(STALE_S * 2000)
"""A process that has missed the hint signs with the old key for at most `STALE_S`."""


def new_key(ctx: Context) -> signing.SigningKey:
    """A key from the system's randomness, with a name of its own."""
    return signing.make_signing_key(f"ed25519:{ctx.ids.opaque(6)}", ctx.ids.secret(signing.SEED_SIZE_BYTES))


async def rotate_key(ctx: Context, tenant: Tenant) -> tuple[str, int]:
    """The new key's id, and until when what the old ones sign is valid. They are published as old keys."""
    key = new_key(ctx)
    now_ms = ctx.clock.now_ms()
    expired_ts = now_ms + GRACE_MS
    sealed = ctx.database.vault.seal(key.seed)
    async with ctx.database.transaction(tenant) as conn:
        await tenants.expire_keys(conn, tenant, expired_ts)
        row = tenants.KeyRow(key.key_id, sealed, key.public_key, None)
        await tenants.insert_key(conn, tenant, row, now_ms)
    ctx.caches.drop_keys(tenant.tenant_id)
    ctx.streams.forget(tenant, "keys")
    return key.key_id, expired_ts
