"""What a scenario is given: users, a way to put load on, and the measure around it."""

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence

from conformance.bench import accounting
from conformance.bench.accounting import Usage
from conformance.bench.client import Client
from conformance.bench.figures import Result, percentile
from conformance.bench.profiler import Profiler
from conformance.bench.server import Server

SETTLE_S = 0.5
"""Work that a server does after its answer belongs to the operation, so the measure waits for it."""

QUIET_CPU = 0.06
"""CPU seconds in a second below which a server is idle."""

SLICES = 5
"""A machine's speed changes with what else it does; slices by turns let both servers have their share of it."""

Operation = Callable[[int], Awaitable[float | None]]
"""Given the number of its worker; gives its latency in seconds, or None when the call as a whole is it."""


class Bench:
    """One server under load."""

    def __init__(
        self,
        server: Server,
        turn: asyncio.Lock,
        *,
        seconds: float,
        scale: float,
        profiler: Profiler | None = None,
    ) -> None:
        self.server = server
        self._turn = turn
        self._seconds = seconds
        self._scale = scale
        self._profiler = profiler
        self._names = (f"u{secrets.token_hex(4)}{number}" for number in itertools.count())

    def scaled(self, count: int) -> int:
        """A number of things to prepare; fewer in a quick run."""
        return max(1, round(count * self._scale))

    async def user(self) -> Client:
        """A new user with one device."""
        return await Client.registered(self.server, next(self._names))

    async def users(self, count: int) -> list[Client]:
        """New users, eight at a time; they hang up, so that the server has room for no more connections yet."""
        made: list[Client] = []

        async def register(_: int) -> None:
            client = await self.user()
            client.close()
            made.append(client)

        await spread(register, count, parallel=8)
        return made

    async def measure(self, scenario: str, operation: Operation, parallel: int = 1) -> Result:
        """Warm up, then run the operation for a time with so many workers, each one after the other.

        The time comes in slices, and between them it is the other server's turn.
        """
        await _repeat(operation, parallel, self._seconds / 4)
        await asyncio.sleep(SETTLE_S)
        accounting.reset_peak_memory(self.server.pid)
        latencies: list[float] = []
        seconds = 0.0
        usage = Usage()
        slices = 1 if self._profiler else SLICES
        for _ in range(slices):
            await self._give_way()
            with self._profiler.recording(self.server) if self._profiler else contextlib.nullcontext():
                before = self.usage()
                began = time.perf_counter()
                latencies += await _repeat(operation, parallel, self._seconds / slices)
                seconds += time.perf_counter() - began
                await asyncio.sleep(SETTLE_S)
                usage = usage.plus(self.usage().since(before))
        return self.result(scenario, latencies, seconds, usage)

    def result(
        self, scenario: str, latencies: Sequence[float], seconds: float, usage: Usage, **extra: float
    ) -> Result:
        """One operation per latency; those are in seconds."""
        ordered = sorted(latencies)
        return Result(
            scenario=scenario,
            server=self.server.name,
            operations=len(latencies),
            seconds=seconds,
            server_cpu_s=usage.server_cpu_s,
            database_cpu_s=usage.database_cpu_s,
            generator_cpu_s=usage.generator_cpu_s,
            p50_ms=percentile(ordered, 50) * 1000,
            p95_ms=percentile(ordered, 95) * 1000,
            p99_ms=percentile(ordered, 99) * 1000,
            peak_memory_bytes=accounting.peak_memory_bytes(self.server.pid),
            extra=extra,
        )

    async def quiet(self, seconds_max: float = 40) -> None:
        """Until server and database do next to nothing for a second."""
        deadline = time.perf_counter() + seconds_max
        while time.perf_counter() < deadline:
            before = self.usage()
            await asyncio.sleep(1)
            usage = self.usage().since(before)
            if usage.server_cpu_s + usage.database_cpu_s < QUIET_CPU:
                return

    async def _give_way(self) -> None:
        """The lock is fair: who waits for its turn has it next."""
        self._turn.release()
        await self._turn.acquire()

    def usage(self) -> Usage:
        """CPU so far."""
        return Usage(
            accounting.cpu_seconds(self.server.pid),
            accounting.cpu_seconds(self.server.database_pid),
            accounting.own_cpu_seconds(),
        )


async def spread(work: Callable[[int], Awaitable[object]], count: int, parallel: int) -> None:
    """Do the work for each number below `count`, so many at a time."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(parallel, count)):
            group.create_task(worker())


async def _repeat(operation: Operation, parallel: int, seconds: float) -> list[float]:
    """Latencies in seconds of all operations begun before the time was over."""
    latencies: list[float] = []
    deadline = time.perf_counter() + seconds

    async def work(worker: int) -> None:
        while (began := time.perf_counter()) < deadline:
            own = await operation(worker)
            latencies.append(time.perf_counter() - began if own is None else own)

    await spread(work, parallel, parallel)
    return latencies
