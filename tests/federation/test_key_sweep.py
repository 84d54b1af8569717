"""Keys of other servers are not kept for ever, and not without bound."""

from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from tests.support.homeserver import MASTER_KEY, settings_for
from tests.support.outside import SetClock
from timserver import app
from timserver.context import Context
from timserver.store import server_keys
from timserver.store.server_keys import ServerKeyRow
from timserver.usecases.federation.sweep_keys import sweep_keys

DAY_MS = 86_400_000


@pytest.fixture
async def ctx(fresh_database: Callable[[], Awaitable[str]]) -> AsyncIterator[Context]:
    async with app.open_context(settings_for(await fresh_database()), MASTER_KEY) as ctx:
        limits = {"server_key_days_max": 400, "server_keys_stored_max": 3}
        settings = ctx.settings.model_copy(update={"limits": ctx.settings.limits.model_copy(update=limits)})
        yield msgspec.structs.replace(ctx, settings=settings, clock=SetClock())


async def tell(ctx: Context, server_name: str, days_ago: int, expired_ts: int | None = None) -> None:
    told_ts = ctx.clock.now_ms() - days_ago * DAY_MS
    row = ServerKeyRow(server_name, "ed25519:1", b"k" * 32, told_ts + DAY_MS, expired_ts, told_ts)
    async with ctx.database.directory() as conn:
        await server_keys.put(conn, [row], b"{}", own_word=True)


async def left(ctx: Context) -> list[str]:
    async with ctx.database.directory() as conn:
        rows = await conn.raw.fetch("select server_name from server_key order by fetched_ts desc")
    return [row["server_name"] for row in rows]


async def test_who_was_not_heard_of_for_long_is_forgotten(ctx: Context) -> None:
    await tell(ctx, "today.example", 0)
    await tell(ctx, "last-year.example", 399, expired_ts=5)
    await tell(ctx, "long-ago.example", 401)
    assert await sweep_keys(ctx) == 1
    assert await left(ctx) == ["today.example", "last-year.example"]
    assert await sweep_keys(ctx) == 0


async def test_of_too_many_the_latest_stay(ctx: Context) -> None:
    for days in range(6):
        await tell(ctx, f"s{days}.example", days)
    assert await sweep_keys(ctx) == 3
    assert await left(ctx) == ["s0.example", "s1.example", "s2.example"]
