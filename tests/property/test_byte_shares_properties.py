"""Bytes that some work may hold: whatever is wanted, all get it in the end, and together never hold too much."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from timserver.store.byte_shares import FREE_BYTES, ByteShares

MIB = 1_048_576
ONE_MIB_MAX = 6


@given(st.lists(st.integers(1, ONE_MIB_MAX), min_size=1, max_size=8), st.integers(0, 12))
def test_all_come_to_their_end(wanted: Sequence[int], mib_max: int) -> None:
    """Each takes MiB by MiB, up to what one may have, in turn with the others."""
    shares = ByteShares(mib_max * MIB, ONE_MIB_MAX * MIB)
    held: dict[int, int] = {}

    async def work(number: int, mib: int) -> None:
        async with shares.share(60) as share:
            for _ in range(mib):
                await share.take(MIB)
                held[number] = share.size_bytes
                large = [size for size in held.values() if size > FREE_BYTES]
                assert sum(large) <= max(mib_max, ONE_MIB_MAX) * MIB
                await asyncio.sleep(0)
            del held[number]

    async def all_of_them() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for number, mib in enumerate(wanted):
                group.create_task(work(number, mib))

    asyncio.run(all_of_them())
    assert not len(shares)
