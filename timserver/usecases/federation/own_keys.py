"""Steps: what a tenant tells of its own keys, as a document for other servers and as rows for other tenants here."""

from timserver.context import Context
from timserver.matrix import canonical_json, server_keys
from timserver.store import tenants
from timserver.store.caches import STALE_S, KnownKey
from timserver.tenancy import Tenant
from timserver.usecases.tenants.signing_key import open_key

VALID_MS = 86_400_000
"""How long others may use what they were told; after that they ask again."""


async def own_key_document(ctx: Context, tenant: Tenant) -> bytes:
    """The signed document, as canonical JSON; written anew every `STALE_S`, so it is valid for `VALID_MS` less that."""
    now_s = ctx.clock.monotonic_s()
    known = ctx.caches.key_documents.get(tenant.tenant_id)
    if known is not None and now_s - known[0] < STALE_S:
        return known[1]
    async with ctx.database.transaction(tenant) as conn:
        rows = await tenants.keys(conn, tenant)
    document = server_keys.write(
        tenant.server_name,
        (open_key(ctx, row) for row in rows if row.expired_ts is None),
        {row.key_id: (row.public_key, row.expired_ts) for row in rows if row.expired_ts is not None},
        ctx.clock.now_ms() + VALID_MS,
    )
    data = canonical_json.encode(document)
    ctx.caches.key_documents.put(tenant.tenant_id, (now_s, data))
    return data


async def tenant_keys(ctx: Context, signer: Tenant) -> dict[str, KnownKey]:
    """The keys of a tenant as another tenant may use them, by key id; no HTTP, no document."""
    now_s = ctx.clock.monotonic_s()
    known = ctx.caches.tenant_keys.get(signer.tenant_id)
    if known is not None and now_s - known[0] < STALE_S:
        return known[1]
    async with ctx.database.transaction(signer) as conn:
        rows = await tenants.keys(conn, signer)
    until_ts = ctx.clock.now_ms() + server_keys.VALID_MS_MAX
    keys = {
        row.key_id: KnownKey(
            public_key=row.public_key,
            usable_until_ts=until_ts if row.expired_ts is None else row.expired_ts,
            refresh_ts=until_ts,
            is_old=row.expired_ts is not None,
        )
        for row in rows
    }
    ctx.caches.tenant_keys.put(signer.tenant_id, (now_s, keys))
    return keys
