import asyncio

import pytest

from timserver.api.client import MODULES
from timserver.context import Context
from timserver.matrix import errors
from timserver.store.database import Database
from timserver.store.statement import REGISTERED
from timserver.store.vault import Vault
from timserver.tenancy import Tenant

assert MODULES, "importing the endpoints registers every statement"


async def test_a_canceled_call_keeps_its_connection_until_it_has_ended(ctx: Context, tenant: Tenant) -> None:
    calls = [asyncio.ensure_future(ctx.database.call("select pg_sleep(0.3)")) for _ in range(5)]
    await asyncio.sleep(0.1)
    for call in calls:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {asyncio.CancelledError}
    async with ctx.database.transaction(tenant) as conn:
        assert await conn.raw.fetchval("select 1") == 1


async def test_a_transaction_that_is_canceled_while_it_begins_is_rolled_back(
    ctx: Context, tenant: Tenant
) -> None:
    """By us, and not by who hands out connections, who calls that a mistake."""
    loop, mistakes = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, about: mistakes.append(about["message"]))

    async def work() -> None:
        async with ctx.database.transaction(tenant) as conn:
            await conn.raw.fetchval("select 1")

    try:
        for steps in range(40):
            task = asyncio.ensure_future(work())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await ctx.database.call("select 1") == [(1,)]
    finally:
        loop.set_exception_handler(None)
    assert mistakes == []


async def test_a_canceled_transaction_leaves_a_connection_that_works(ctx: Context, tenant: Tenant) -> None:
    async def work() -> None:
        async with ctx.database.transaction(tenant) as conn:
            await conn.raw.execute("select pg_sleep(0.05)")

    tasks = [asyncio.ensure_future(work()) for _ in range(20)]
    for place, task in enumerate(tasks):
        await asyncio.sleep(0.005)
        if place % 2:
            task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
    assert await ctx.database.call("select 1") == [(1,)]


async def test_a_statement_that_takes_too_long_is_canceled(database_url: str, tenant: Tenant) -> None:
    limited = Database.connect(
        database_url, pool_size=2, pool_min=2, statement_timeout_ms=100, wait_s=5, vault=Vault(bytes(32))
    )
    database = await limited
    try:
        assert database._pool.get_size() == 2
        async with asyncio.timeout(5):
            with pytest.raises(errors.Unavailable):
                await database.call("select pg_sleep(20)")
            with pytest.raises(errors.Unavailable):
                async with database.transaction(tenant) as conn:
                    await conn.raw.execute("select pg_sleep(20)")
        assert await database.call("select 1") == [(1,)]
    finally:
        await database.close()


async def test_the_end_of_a_snapshot_holds_up_nobody(database_url: str, tenant: Tenant) -> None:
    """What was read stands, also when the link breaks then; the connection comes back."""
    database = await Database.connect(database_url, pool_size=1, wait_s=5, vault=Vault(bytes(32)))
    try:
        for is_cut in False, True, False:
            async with database.transaction(tenant, snapshot=True) as conn:
                pid = await conn.raw.fetchval("select pg_backend_pid()")
                if is_cut:
                    conn.raw.terminate()
            ((again, reads_only),) = await database.call(
                "select pg_backend_pid(), current_setting('transaction_read_only')"
            )
            assert reads_only == "off", "the transaction has ended"
            assert (again == pid) != is_cut
    finally:
        await database.close()


async def test_connections_know_the_types_of_all_statements(database_url: str) -> None:
    """Else asyncpg would ask the catalogue at the first use of each, on every connection."""
    database = await Database.connect(database_url, pool_size=1, wait_s=5, vault=Vault(bytes(32)))
    asked: list[object] = []
    try:
        async with database.directory() as conn:
            with conn.raw.query_logger(asked.append):
                for item in REGISTERED:
                    await conn.raw.prepare(item.sql)
    finally:
        await database.close()
    assert not asked
