"""Once a day: remove files that no row knows, tenant by tenant."""

import asyncio

import structlog

from timserver.context import Context
from timserver.matrix.errors import MatrixError
from timserver.store import tenants
from timserver.usecases.media.sweep_media import sweep_media

EVERY_S = 24 * 60 * 60
FIRST_AFTER_S = 60 * 60

_log = structlog.get_logger("timserver.media_sweep")


async def run(ctx: Context) -> None:
    """Until canceled. Several processes may sweep the same files: who comes second finds nothing."""
    await asyncio.sleep(FIRST_AFTER_S)
    while True:
        try:
            await sweep_all(ctx)
        except (MatrixError, OSError) as error:
            _log.warning("sweep failed, next one tomorrow", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)


async def sweep_all(ctx: Context) -> int:
    """One round; how many files were removed."""
    async with ctx.database.directory() as conn:
        everybody = await tenants.all_tenants(conn)
    removed = 0
    for tenant in everybody:
        removed += await sweep_media(ctx, tenant)
    if removed:
        _log.info("swept", files=removed)
    return removed
