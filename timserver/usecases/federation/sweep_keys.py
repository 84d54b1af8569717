"""Keys of other servers that nobody has told us of for very long, and more of them than are kept, are forgotten.

A server that is alive tells its keys every few days, the old ones, too. What is lost of a dead one is the means to
verify its old events when they come once more.
"""

from typing import Final

from timserver.context import Context
from timserver.store import server_keys

_DAY_MS: Final = 86_400_000


async def sweep_keys(ctx: Context) -> int:
    """How many keys were removed."""
    limits = ctx.settings.limits
    heard_after_ts = ctx.clock.now_ms() - limits.server_key_days_max * _DAY_MS
    async with ctx.database.directory() as conn:
        return await server_keys.sweep(conn, heard_after_ts, limits.server_keys_stored_max)
