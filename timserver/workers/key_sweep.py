"""Once a day: forget keys of servers that nobody has heard of for long."""

import asyncio

import structlog

from timserver.context import Context
from timserver.matrix.errors import MatrixError
from timserver.usecases.federation.sweep_keys import sweep_keys

EVERY_S = 24 * 60 * 60
FIRST_AFTER_S = 2 * 60 * 60

_log = structlog.get_logger("timserver.key_sweep")


async def run(ctx: Context) -> None:
    """Until canceled. Several processes may sweep: who comes second finds nothing."""
    await asyncio.sleep(FIRST_AFTER_S)
    while True:
        try:
            removed = await sweep_keys(ctx)
        except MatrixError as error:
            _log.warning("sweep failed, next one tomorrow", error=type(error).__name__)
        else:
            if removed:
                _log.info("swept", keys=removed)
        await asyncio.sleep(EVERY_S)
