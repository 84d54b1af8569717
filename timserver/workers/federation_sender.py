"""Sends what is to be sent to other servers: one loop for all tenants and destinations of a process.

The database knows what is to be done (`store.destinations`); memory holds only the tenants whose turn is to come and the
transactions under way. A tenant comes into the line when this process has written something for it (`Streams.send`), or
when the poll finds it due: after a back-off, or because the process that wrote has died. In its turn as many
transactions are taken for it as there is room; then it goes to the end of the line. So an idle tenant or
destination costs nothing, and a tenant that floods has its share only.
"""

import asyncio
import contextlib
from typing import Protocol

import structlog

from timserver.context import Context
from timserver.matrix.errors import MatrixError
from timserver.store.destinations import Taken
from timserver.tenancy import Tenant
from timserver.usecases.federation import outgoing_work
from timserver.usecases.federation.outgoing_work import RENEW_MS
from timserver.usecases.federation.send_transaction import Outcome, send_transaction

_log = structlog.get_logger("timserver.federation_sender")


class Counters(Protocol):
    """What is counted (`api.metrics`)."""

    def transaction(self, outcome: str, items: int) -> None:
        """A transaction has ended; `items` PDUs and EDUs arrived."""
        ...

    def sending(self, under_way: int, tenants_waiting: int) -> None:
        """How much there is to do now."""
        ...


class _UnderWay:
    """A transaction that is being sent."""

    __slots__ = ("renewed_s", "taken", "tenant")

    def __init__(self, tenant: Tenant, taken: Taken, now_s: float) -> None:
        self.tenant, self.taken, self.renewed_s = tenant, taken, now_s

    @property
    def is_probe(self) -> bool:
        """Did the server fail before?"""
        return self.taken.failing_since_ts is not None


class Sender:
    """One per process; `run` until canceled."""

    def __init__(self, ctx: Context, counters: Counters) -> None:
        self._ctx, self._counters = ctx, counters
        self._owner = int.from_bytes(ctx.ids.secret(7)) + 1
        self._line: dict[int, Tenant] = {}
        self._done: dict[int, Tenant] = {}
        self._hungry: set[int] = set()
        """Tenants that got all the room there was: they may have more, and take again when one ends."""
        self._starved: dict[int, Tenant] = {}
        """Tenants that could try no server that had failed: all places for that were taken."""
        self._under_way: dict[asyncio.Task[None], _UnderWay] = {}
        self._work = asyncio.Event()

    def notice(self, tenant: Tenant) -> None:
        """The tenant may have something to send."""
        self._line.setdefault(tenant.tenant_id, tenant)
        self._work.set()

    def _finished(self, tenant: Tenant) -> None:
        """There was no more for a server. The tenant is settled at the next poll that finds it at rest: tidying up after
        each of many transactions would cost as much as sending them.
        """
        self._done.setdefault(tenant.tenant_id, tenant)

    async def run(self) -> None:
        """Until canceled; what is under way then may be taken by others at once."""
        self._ctx.streams.on_outgoing = self.notice
        async with asyncio.TaskGroup() as group:
            group.create_task(self._poll())
            while True:
                await self._work.wait()
                await self._serve_line(group)

    async def _serve_line(self, group: asyncio.TaskGroup) -> None:
        """Turns of those in the line, as long as there is room for a transaction."""
        self._work.clear()
        for _ in range(len(self._line)):
            if len(self._under_way) >= self._ctx.settings.limits.federation_sends_max:
                return  # whichever ends sets the line going again
            tenant = self._line.pop(next(iter(self._line)))
            try:
                await self._serve(group, tenant)
            except MatrixError as error:
                _log.warning("sending halts", tenant=tenant.server_name, error=type(error).__name__)

    async def _serve(self, group: asyncio.TaskGroup, tenant: Tenant) -> None:
        limit, probes = self._room_for(tenant)
        self._hungry.add(tenant.tenant_id)
        if limit <= 0:
            return
        taken = await outgoing_work.take_transactions(
            self._ctx, tenant, self._owner, limit=limit, probes=probes
        )
        now_s = self._ctx.clock.monotonic_s()
        for item in taken:
            under_way = _UnderWay(tenant, item, now_s)
            task = group.create_task(self._send(under_way))
            self._under_way[task] = under_way
            task.add_done_callback(self._ended)
        probing = sum(item.failing_since_ts is not None for item in taken)
        if len(taken) - probing < limit and probing < probes:
            self._hungry.discard(tenant.tenant_id)
        if not probes:
            self._starved.setdefault(tenant.tenant_id, tenant)
        elif not taken:
            self._finished(tenant)

    async def _settle_done(self) -> None:
        """Tenants that have nothing under way and nothing to do."""
        busy = {item.tenant.tenant_id for item in self._under_way.values()} | self._line.keys()
        for tenant_id in self._done.keys() - busy:
            tenant = self._done.pop(tenant_id)
            try:
                if await outgoing_work.settle(self._ctx, tenant):
                    self.notice(tenant)
            except MatrixError as error:
                _log.warning("settling failed", tenant=tenant.server_name, error=type(error).__name__)

    def _room_for(self, tenant: Tenant) -> tuple[int, int]:
        """How many transactions may be taken: to servers that work, and to those that failed."""
        limits = self._ctx.settings.limits
        mine = sum(item.tenant.tenant_id == tenant.tenant_id for item in self._under_way.values())
        probing = sum(item.is_probe for item in self._under_way.values())
        free = min(
            limits.federation_sends_max - len(self._under_way), limits.federation_sends_per_tenant_max - mine
        )
        probes = max(0, min(free // 2, limits.federation_probes_max - probing))
        return free - probes if free > 1 else free, probes

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._under_way.pop(task).is_probe and self._starved:
            self.notice(self._starved.pop(next(iter(self._starved))))
        self._work.set()

    async def _send(self, item: _UnderWay) -> None:
        ctx, tenant = self._ctx, item.tenant
        try:
            ended = await send_transaction(ctx, tenant, item.taken, self._owner)
            self._counters.transaction(ended.outcome, ended.items)
            if ended.is_more or tenant.tenant_id in self._hungry:
                self.notice(tenant)
            else:
                self._finished(tenant)
        except asyncio.CancelledError:
            with contextlib.suppress(MatrixError):
                await outgoing_work.renew_lease(ctx, tenant, item.taken, self._owner, keep=False)
            raise
        except MatrixError as error:  # the database; the lease ends by itself
            self._counters.transaction(Outcome.FAILED, 0)
            _log.warning("sending failed", tenant=tenant.server_name, error=type(error).__name__)

    async def _poll(self) -> None:
        """Who is at rest, who is due, and leases of requests that take long."""
        while True:
            try:
                await self._settle_done()
                for tenant in await outgoing_work.due_tenants(self._ctx):
                    self.notice(tenant)
                await self._renew()
                self._counters.sending(len(self._under_way), await outgoing_work.count_waiting(self._ctx))
            except MatrixError as error:
                _log.warning("poll failed", error=type(error).__name__)
            await asyncio.sleep(self._ctx.settings.limits.poll_interval_ms / 1000)

    async def _renew(self) -> None:
        now_s = self._ctx.clock.monotonic_s()
        for item in list(self._under_way.values()):
            if (now_s - item.renewed_s) * 1000 >= RENEW_MS:
                item.renewed_s = now_s
                await outgoing_work.renew_lease(self._ctx, item.tenant, item.taken, self._owner)
