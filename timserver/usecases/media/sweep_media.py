"""Remove files that no row knows: what a crash between disk and database left behind."""

from timserver.context import Context
from timserver.media.blobs import BlobName
from timserver.store import media
from timserver.tenancy import Tenant

LEFT_FOR_MS = 7 * 24 * 60 * 60 * 1000
"""Younger files stay: their row may be on its way, or the database may just be under restoration."""


_AT_ONCE = 500


async def sweep_media(ctx: Context, tenant: Tenant) -> int:
    """How many files were removed."""
    before_ms = ctx.clock.now_ms() - LEFT_FOR_MS
    removed = await ctx.media.blobs.sweep(tenant, before_ms) + await _drop_old(ctx, tenant)
    async for names in ctx.media.blobs.names(tenant, before_ms):
        async with ctx.database.transaction(tenant) as conn:
            known = await media.known_blobs(conn, tenant, names)
        for name in set(names) - known:
            await ctx.media.blobs.delete(tenant, name)
            removed += 1
    return removed


async def _drop_old(ctx: Context, tenant: Tenant) -> int:
    """Files of other servers that nobody has asked for in a long time, and pictures of previews; they can be fetched
    anew.
    """
    now_ms = ctx.clock.now_ms()
    before_ms = now_ms - ctx.settings.media.remote_days_kept * 24 * 60 * 60 * 1000
    removed = 0
    while True:
        async with ctx.database.transaction(tenant) as conn:
            names = await media.drop_unused_remote(conn, tenant, before_ms, _AT_ONCE)
            names += await media.drop_expired(conn, tenant, now_ms, _AT_ONCE)
        if not names:
            return removed
        for name in names:
            await ctx.media.blobs.delete(tenant, BlobName(name))
        removed += len(names)
