"""Works off the inbox of all tenants: events that wait for what is missing before them; and forgets old answers.

The database says what is due (`store.inbox`), shared fairly between the servers that send; a turn is leased, so after a
crash another process, or the next start, takes it again.
"""

import asyncio
import contextlib

import structlog

from timserver.context import Context
from timserver.matrix.errors import MatrixError
from timserver.store import inbox, tenants
from timserver.store.inbox import Turn
from timserver.tenancy import Tenant
from timserver.usecases.federation.work_off_inbox import work_off_inbox

LEASE_MS = 300_000
"""Longer than the requests of one turn may take together."""
EXPIRE_EVERY_S = 60 * 60

_log = structlog.get_logger("timserver.inbox")


class InboxWorker:
    """One per process; `run` until canceled."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._under_way = 0
        self._work = ctx.streams.inbox

    async def run(self) -> None:
        """Until canceled; what is under way then is taken again when its lease ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._expire())
            while True:
                self._work.clear()
                try:
                    await self._take(group)
                except MatrixError as error:
                    _log.warning("the inbox halts", error=type(error).__name__)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._ctx.settings.limits.poll_interval_ms / 1000):
                        await self._work.wait()

    async def _take(self, group: asyncio.TaskGroup) -> None:
        limits, now_ms = self._ctx.settings.limits, self._ctx.clock.now_ms()
        free = limits.inbox_rooms_at_once - self._under_way
        if free <= 0:
            return  # whichever ends sets the loop going again
        async with self._ctx.database.directory() as conn:
            turns = await inbox.take_turns(
                conn,
                now_ms=now_ms,
                lease_until_ts=now_ms + LEASE_MS,
                count_max=free,
                of_server_max=limits.inbox_rooms_of_server_at_once,
            )
            found = await tenants.by_ids(conn, [turn.tenant_id for turn in turns]) if turns else []
        everybody = {tenant.tenant_id: tenant for tenant in found}
        for turn in turns:
            if turn.tenant_id in everybody:
                self._under_way += 1
                group.create_task(self._work_off(everybody[turn.tenant_id], turn))

    async def _work_off(self, tenant: Tenant, turn: Turn) -> None:
        try:
            async with asyncio.timeout(LEASE_MS / 1000):
                await work_off_inbox(self._ctx, tenant, turn)
        except (MatrixError, TimeoutError) as error:
            _log.warning("a turn is taken again later", error=type(error).__name__)
        finally:
            self._under_way -= 1
            self._work.set()

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(EXPIRE_EVERY_S)
            try:
                await self.expire_all()
            except MatrixError as error:
                _log.warning("old answers stay, again in an hour", error=type(error).__name__)

    async def expire_all(self) -> int:
        """Forget the answers of old transactions, tenant by tenant; how many."""
        async with self._ctx.database.directory() as conn:
            everybody = await tenants.all_tenants(conn)
        count = 0
        for tenant in everybody:
            async with self._ctx.database.transaction(tenant) as conn:
                count += await inbox.expire_answers(conn, tenant, self._ctx.clock.now_ms())
        return count
