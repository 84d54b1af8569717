"""Connections to PostgreSQL: a pool per process, a transaction per tenant.

Two walls keep tenants apart (DESIGN 2): `transaction` sets the tenant for row-level security, and every statement
carries `tenant_id = $1` (`statement.py` puts it there and asserts that it is the transaction's tenant).
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from timserver.matrix import errors
from timserver.store.vault import Vault
from timserver.tenancy import Tenant

T = TypeVar("T")

APP_ROLE = "timserver_app"
"""The role that serves requests: not the owner of the tables, no right to pass row-level security."""

NIDS_PER_BLOCK = 256
"""As `nid_seq` increments."""

_LINK_GRACE_S = 30
"""After the server should have canceled a statement, the link is taken for broken."""

_TYPES = "select null::bigint[], null::bytea[], null::smallint[], null::boolean[], null::integer[]"
"""What statements have and asyncpg does not know by itself."""

_QUERIES_MAX = 10_000_000
"""Of a connection; a new one has no statement prepared, and its first ones are slow."""

_NEXT_BLOCK = "select nextval('nid_seq')"

UniqueViolation = asyncpg.UniqueViolationError

_UNAVAILABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.QueryCanceledError,
)


def _cut(raw: Any) -> None:
    """End a connection whose link is broken; the pool may have taken it back already."""
    with contextlib.suppress(asyncpg.InterfaceError):
        raw.terminate()


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait for it even when canceled meanwhile: until then its connection is busy, and is not for others."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


class Connection:
    """A connection inside a transaction of one tenant. Made only by `Database`."""

    __slots__ = ("raw", "tenant_id")

    def __init__(self, raw: Any, tenant_id: int | None) -> None:
        self.raw = raw
        self.tenant_id = tenant_id


class Database:
    """The process's pool. Errors of the link become `errors.Unavailable` (503), whose outcome is unknown; text that
    PostgreSQL cannot hold becomes `errors.InvalidParam`. `vault` seals the secrets that are kept in it.
    """

    def __init__(self, pool: Any, wait_s: float, vault: Vault) -> None:
        self._pool = pool
        self.vault = vault
        self._wait_s = wait_s
        self._nids = range(0)
        self._background: set[asyncio.Task[None]] = set()

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        pool_size: int,
        pool_min: int = 1,
        statement_timeout_ms: int = 30_000,
        wait_s: float,
        vault: Vault,
        role: str = APP_ROLE,
        schema: str | None = None,
    ) -> "Database":
        """A pool of at most `pool_size` connections that act as `role`, of which `pool_min` are opened at once; who gets
        none within `wait_s` is told 503, and so is whose statement takes longer than `statement_timeout_ms`.
        """
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", role):
            raise ValueError("role")

        async def no_reset(_: Any) -> None:
            """Nothing outlives a transaction here: settings are LOCAL, so release costs no round trip."""

        async def learn_types(raw: Any) -> None:
            """At once, or the first statements with each of them would ask for it, just when there is much to do."""
            await raw.prepare(_TYPES)

        settings = {
            "role": role,
            "application_name": "timserver",
            "jit": "off",
            "statement_timeout": str(statement_timeout_ms),
        }
        if schema:
            settings["search_path"] = schema
        pool = await asyncpg.create_pool(
            url,
            min_size=pool_min,
            max_size=pool_size,
            server_settings=settings,
            statement_cache_size=1000,
            max_cached_statement_lifetime=0,
            max_inactive_connection_lifetime=300,
            max_queries=_QUERIES_MAX,
            command_timeout=statement_timeout_ms / 1000 + _LINK_GRACE_S,
            init=learn_types,
            reset=no_reset,
        )
        return cls(pool, wait_s, vault)

    async def close(self) -> None:
        """Close when idle; cut what is still running after 5 seconds."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def transaction(self, tenant: Tenant, *, snapshot: bool = False) -> AsyncIterator[Connection]:
        """A transaction that sees `tenant` only; with `snapshot` read-only, all statements on one state.

        Commits at the end, rolls back on an exception. The wait for COMMIT is never canceled; nobody waits for one that ends
        a snapshot.
        """
        mode = "isolation level repeatable read, read only" if snapshot else "isolation level read committed"
        begin = f"begin {mode}; set local tim.tenant = '{int(tenant.tenant_id)}'"
        async with self._transaction(begin, tenant.tenant_id, reads_only=snapshot) as conn:
            yield conn

    @asynccontextmanager
    async def directory(self) -> AsyncIterator[Connection]:
        """A transaction on the tables that belong to no tenant (tenants, host names)."""
        async with self._transaction("begin", None) as conn:
            yield conn

    @asynccontextmanager
    async def _transaction(
        self, begin: str, tenant_id: int | None, *, reads_only: bool = False
    ) -> AsyncIterator[Connection]:
        raw, is_ending = await self._acquire(), False
        try:
            try:
                await raw.execute(begin)
                yield Connection(raw, tenant_id)
            except BaseException:
                if not raw.is_closed():
                    await _to_its_end(raw.execute("rollback"))
                raise
            if reads_only:
                is_ending = True
                self._go_on_with(self._end(raw))
            else:
                await _to_its_end(raw.execute("commit"))
        except _UNAVAILABLE as error:
            _cut(raw)
            raise errors.Unavailable(inner=f"database: {type(error).__name__}") from error
        except asyncpg.CharacterNotInRepertoireError as error:
            raise errors.InvalidParam("Text may not hold U+0000") from error
        finally:
            if not is_ending:
                self._go_on_with(self._release(raw))

    async def _end(self, raw: Any) -> None:
        """Of a transaction that has only read: however it ends, what was read stands."""
        try:
            await raw.execute("commit")
        except _UNAVAILABLE:
            _cut(raw)
        finally:
            await self._release(raw)

    async def call(self, sql: str, *args: Any) -> list[Any]:
        """One call of an SQL function that sets the tenant itself: one round trip, one commit."""
        raw = await self._acquire()
        try:
            rows: list[Any] = await _to_its_end(raw.fetch(sql, *args))
        except _UNAVAILABLE as error:
            _cut(raw)
            raise errors.Unavailable(inner=f"database: {type(error).__name__}") from error
        except asyncpg.CharacterNotInRepertoireError as error:
            raise errors.InvalidParam("Text may not hold U+0000") from error
        finally:
            self._go_on_with(self._release(raw))
        return rows

    async def _release(self, raw: Any) -> None:
        with contextlib.suppress(*_UNAVAILABLE, TimeoutError):
            await self._pool.release(raw, timeout=self._wait_s)

    def _go_on_with(self, work: Coroutine[Any, Any, None]) -> None:
        """Nobody waits for it: on a busy loop each turn costs as much as all others together want of it."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def take_nids(self, count: int, conn: Connection | None = None) -> list[int]:
        """Fresh numeric ids, known before anything is written; they are unique and say nothing of order.

        Inside a transaction give its connection: a second one is never taken while one is held.
        """
        taken: list[int] = []
        while len(taken) < count:
            if not self._nids:
                first: int = (
                    await conn.raw.fetchval(_NEXT_BLOCK) if conn else (await self.call(_NEXT_BLOCK))[0][0]
                )
                self._nids = range(first, first + NIDS_PER_BLOCK)
                continue
            block = self._nids[: count - len(taken)]
            self._nids = self._nids[len(block) :]
            taken.extend(block)
        return taken

    async def _acquire(self) -> Any:
        try:
            async with asyncio.timeout(self._wait_s):  # with one of its own the pool would start a task
                return await self._pool.acquire()
        except (*_UNAVAILABLE, TimeoutError) as error:
            raise errors.Unavailable(inner=f"database: {type(error).__name__}") from error
