"""Bytes that some work may hold: whoever came first always goes on, the others share the rest, nobody waits forever."""

import asyncio

import pytest

from timserver.matrix import errors
from timserver.store.byte_shares import FREE_BYTES, ByteShares

MIB = 1_048_576
assert FREE_BYTES == MIB


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Work:
    """Takes a MiB whenever it is told to, until it ends."""

    def __init__(self, shares: ByteShares, group: asyncio.TaskGroup, wait_s: float = 60) -> None:
        self.steps: asyncio.Queue[bool] = asyncio.Queue()
        self.has_mib = 0
        self.wanted = 0
        self.task = group.create_task(self._run(shares, wait_s))

    async def _run(self, shares: ByteShares, wait_s: float) -> None:
        async with shares.share(wait_s) as share:
            while await self.steps.get():
                await share.take(MIB)
                self.has_mib += 1

    async def takes(self, count: int) -> int:
        self.wanted += count
        for _ in range(count):
            self.steps.put_nowait(True)
        await settle()
        for _ in range(count):
            await settle()
        return self.has_mib

    async def ends(self) -> None:
        self.steps.put_nowait(False)
        await settle()


async def test_the_first_takes_what_one_may_have_and_the_others_share_the_rest() -> None:
    shares = ByteShares(bytes_max=10 * MIB, one_bytes_max=6 * MIB)
    async with asyncio.TaskGroup() as group:
        first, second, third = (Work(shares, group) for _ in range(3))
        assert await first.takes(6) == 6
        assert await second.takes(3) == 3
        assert await third.takes(1) == 1, "little is free"
        assert await third.takes(1) == 1
        assert await second.takes(1) == 3, "the rest is used up"
        await first.ends()
        assert (second.has_mib, third.has_mib) == (4, 2)
        assert await second.takes(2) == 6, "the second is the first now"
        await second.ends()
        await third.ends()
    assert not len(shares)


async def test_with_little_room_one_comes_after_the_other() -> None:
    shares = ByteShares(bytes_max=1, one_bytes_max=6 * MIB)
    async with asyncio.TaskGroup() as group:
        works = [Work(shares, group) for _ in range(3)]
        for work in works:
            await work.takes(2)
        assert [work.has_mib for work in works] == [2, 1, 1]
        for at, work in enumerate(works):
            await work.ends()
            if at < 2:
                assert works[at + 1].has_mib == 2
    assert not len(shares)


async def test_who_waits_too_long_is_told_to_come_again() -> None:
    shares = ByteShares(bytes_max=1, one_bytes_max=1)
    async with shares.share(60) as first, shares.share(0.01) as second:
        await first.take(2 * MIB)
        with pytest.raises(errors.Unavailable):
            await second.take(2 * MIB)
        first.give_back()
        await second.take(2 * MIB)
        second.give_back()
        assert not len(shares)


async def test_who_gives_up_is_in_nobodys_way() -> None:
    shares = ByteShares(bytes_max=1, one_bytes_max=1)

    async def waits() -> None:
        async with shares.share(60) as share:
            await share.take(2 * MIB)

    async with shares.share(60) as first:
        await first.take(2 * MIB)
        task = asyncio.ensure_future(waits())
        await settle()
        assert len(shares) == 2
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(shares) == 1
