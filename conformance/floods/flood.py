"""A flood from a process of its own: so many requests per second, whether they are answered or not."""

import asyncio
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection as Pipe

import msgspec
import uvloop

from conformance.bench.connection import Connection, ConnectionLost


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A flood. Connections take from the queues by turns."""

    port: int
    per_second: int
    connections: int
    queues: list[list[bytes]]
    is_repeated: bool
    """What was refused is sent again at the next turn, so the events of a server stay in their order."""


class Flood:
    """As the measuring process sees it: rounds of the flood, and how often each status was the answer in all."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self.statuses: Counter[int] = Counter()
        self.seconds = 0.0

    def forget(self) -> None:
        """Of the rounds so far nothing counts."""
        self.statuses.clear()
        self.seconds = 0.0

    @asynccontextmanager
    async def round(self, seconds: float) -> AsyncIterator[None]:
        """Flood while the block runs, which should end earlier."""
        self._pipe.send(seconds)
        yield
        statuses, took_s = await asyncio.to_thread(self._pipe.recv)
        self.statuses.update(statuses)
        self.seconds += took_s


@asynccontextmanager
async def prepared(plan: Plan) -> AsyncIterator[Flood]:
    """A process that is ready to flood."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_child, args=(theirs, plan))
    process.start()
    try:
        await asyncio.to_thread(ours.recv)
        yield Flood(ours)
        ours.send(None)
    finally:
        await asyncio.to_thread(process.join, 30)
        if process.is_alive():
            process.kill()


def _child(pipe: Pipe, plan: Plan) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, 10)  # it stands for machines of others, which take no time from ours
    uvloop.run(_Flooding(plan).serve(pipe))


class _Flooding:
    """What goes on from one round to the next: connections, queues, and what was refused."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._queues = [iter(queue) for queue in plan.queues]
        self._connections = [Connection("127.0.0.1", plan.port) for _ in range(plan.connections)]
        self._refused: dict[int, bytes] = {}

    async def serve(self, pipe: Pipe) -> None:
        """Rounds until there is no more."""
        pipe.send("ready")
        while (seconds := await asyncio.to_thread(pipe.recv)) is not None:
            statuses: Counter[int] = Counter()
            began = time.perf_counter()
            rounds = (self._run(place, began, seconds, statuses) for place in range(len(self._connections)))
            await asyncio.gather(*rounds)
            pipe.send((dict(statuses), time.perf_counter() - began))

    async def _run(self, place: int, began: float, seconds: float, statuses: Counter[int]) -> None:
        plan, queue = self._plan, self._queues[place % len(self._queues)]
        interval_s = plan.connections / plan.per_second
        due = began + interval_s * place / plan.connections
        while due < began + seconds:
            await asyncio.sleep(due - time.perf_counter())
            due = max(due + interval_s, time.perf_counter() - interval_s)
            request = self._refused.pop(place, None) or next(queue, None)
            if request is None:
                return
            try:
                status, _ = await self._connections[place].exchange(request)
            except (ConnectionLost, OSError):
                status = 0
            statuses[status] += 1
            if status != 200 and plan.is_repeated:
                self._refused[place] = request
