"""Once an hour: delete what must go, tenant by tenant."""

import asyncio

import structlog

from timserver.context import Context
from timserver.matrix.errors import MatrixError
from timserver.store import tenants
from timserver.usecases.rooms.purge_rooms import purge_rooms

EVERY_S = 60 * 60

_log = structlog.get_logger("timserver.retention")


async def run(ctx: Context) -> None:
    """Until canceled. Several processes may do it at once: who comes second finds nothing."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await purge_all(ctx)
        except MatrixError as error:
            _log.warning("retention failed, again in an hour", error=type(error).__name__)


async def purge_all(ctx: Context) -> int:
    """One round; how many rooms were deleted."""
    async with ctx.database.directory() as conn:
        everybody = await tenants.all_tenants(conn)
    purged = 0
    for tenant in everybody:
        purged += await purge_rooms(ctx, tenant)
    if purged:
        _log.info("purged", rooms=purged)
    return purged
