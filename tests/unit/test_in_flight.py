"""A second request for the same work gets the outcome of the first."""

import asyncio

import pytest

from timserver.matrix.errors import NotFound
from timserver.store.in_flight import InFlight


class Work:
    """Work that ends when it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun, self.go, self.error = 0, asyncio.Event(), error

    async def __call__(self) -> None:
        self.begun += 1
        await self.go.wait()
        if self.error:
            raise self.error


async def test_who_asks_again_shares_the_outcome() -> None:
    flights: InFlight[str] = InFlight()
    work = Work()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(flights.share("room", 1, work)) for _ in range(5)]
        other = group.create_task(flights.share("other", 1, work))
        await asyncio.sleep(0)
        work.go.set()
    assert [task.result() for task in tasks] == [True] * 5
    assert other.result()
    assert work.begun == 2
    assert len(flights) == 0


async def test_a_failure_is_shared_by_its_owner_only() -> None:
    flights: InFlight[str] = InFlight()
    work = Work(NotFound())
    tasks = [asyncio.ensure_future(flights.share("room", owner, work)) for owner in (1, 1, 2)]
    await asyncio.sleep(0)
    work.go.set()
    first, again, other = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, NotFound)
    assert isinstance(again, NotFound)
    assert other is False
    with pytest.raises(NotFound):
        await flights.share("room", 1, work)
    assert work.begun == 2


async def test_a_cancelled_worker_leaves_nobody_waiting() -> None:
    flights: InFlight[str] = InFlight()
    first = asyncio.ensure_future(flights.share("room", 1, Work()))
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(flights.share("room", 2, Work()))
    await asyncio.sleep(0)
    first.cancel()
    assert await waiting is False
    assert len(flights) == 0
