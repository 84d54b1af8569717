"""Step: keys of servers that we have, in memory or in the table; nobody is asked."""

from collections.abc import Iterable

from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.store import server_keys
from timserver.store.caches import KnownKey
from timserver.store.server_keys import ServerKeyRow

KeyName = tuple[ServerName, str]

_REFRESH_MS = 3_600_000


def remembered(ctx: Context, names: Iterable[KeyName]) -> dict[KeyName, KnownKey]:
    """What is in memory."""
    cache = ctx.caches.server_keys
    return {name: key for name in names if (key := cache.get(name)) is not None}


async def stored(ctx: Context, names: Iterable[KeyName]) -> dict[KeyName, KnownKey]:
    """What is in the table; now in memory, too."""
    names = list(names)
    if not names:
        return {}
    async with ctx.database.directory() as conn:
        rows = await server_keys.find(conn, names)
    return {(ServerName(row.server_name), row.key_id): remember(ctx, row) for row in rows}


def remember(ctx: Context, row: ServerKeyRow) -> KnownKey:
    """A row, now in memory. An hour before the end, or after half of a shorter life, it is time to ask again."""
    life_ms = max(0, row.valid_until_ts - row.fetched_ts)
    key = KnownKey(
        public_key=row.public_key,
        usable_until_ts=row.valid_until_ts,
        refresh_ts=row.valid_until_ts - min(_REFRESH_MS, life_ms // 2),
        is_old=row.expired_ts is not None,
    )
    return ctx.caches.server_keys.put((ServerName(row.server_name), row.key_id), key)
