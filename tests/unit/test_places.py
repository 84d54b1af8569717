"""Places for work (RELIABILITY R11): so much of one key at once, in order, and nothing remembered afterwards."""

import asyncio

import pytest

from tests.support.outside import SetClock
from timserver.matrix import errors
from timserver.store.places import RETRY_AFTER_MS, Company, Places


class Workshop:
    """Work that ends when the test says so."""

    def __init__(self, places: Places[str], held_s_max: float = 60) -> None:
        self.places, self.held_s_max = places, held_s_max
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    async def work(self, key: str, name: str) -> None:
        self.ends[name] = asyncio.Event()
        async with self.places.take(key, self.held_s_max):
            self.begun.append(name)
            await self.ends[name].wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_r11_who_asks_for_much_waits_and_others_do_not() -> None:
    shop = Workshop(Places(2, 10))
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(shop.work("loud", f"loud{number}"))
        group.create_task(shop.work("quiet", "quiet"))
        await settle()
        assert shop.begun == ["loud0", "loud1", "quiet"]
        shop.ends["loud1"].set()
        await settle()
        assert shop.begun[3:] == ["loud2"]
        for end in shop.ends.values():
            end.set()
        await settle()
        shop.ends["loud3"].set()
    assert shop.begun[4:] == ["loud3"]
    assert not len(shop.places)


async def test_who_is_alone_may_have_all() -> None:
    clock = SetClock()
    shop = Workshop(Places(1, 10, company=Company(clock)))
    async with asyncio.TaskGroup() as group:
        for name in ("a0", "a1", "b0", "a2"):
            group.create_task(shop.work(name[0], name))
            await settle()
        assert shop.begun == ["a0", "a1", "b0"], "from then on a has to share"
        clock.at_ms += 60_000
        group.create_task(shop.work("a", "a3"))
        await settle()
        assert shop.begun == ["a0", "a1", "b0", "a3"]
        for name in ("a0", "a1", "b0", "a3"):
            shop.ends[name].set()
        await settle()
        assert shop.begun[4:] == ["a2"]
        shop.ends["a2"].set()
    assert not len(shop.places)


async def test_r11_a_long_line_is_refused() -> None:
    shop = Workshop(Places(1, 1))
    async with asyncio.TaskGroup() as group:
        for number in range(2):
            group.create_task(shop.work("a", str(number)))
        await settle()
        with pytest.raises(errors.LimitExceeded) as refused:
            await shop.work("a", "2")
        assert refused.value.extra == {"retry_after_ms": RETRY_AFTER_MS}
        shop.ends["0"].set()
        await settle()
        shop.ends["1"].set()
    assert not len(shop.places)


async def test_a_place_is_given_back_after_a_while() -> None:
    shop = Workshop(Places(1, 10), held_s_max=0.01)
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(shop.work("a", str(number)))
        async with asyncio.timeout(5):
            while len(shop.begun) < 3:  # noqa: ASYNC110 - a timer
                await asyncio.sleep(0.005)
        for end in shop.ends.values():
            end.set()
    assert not len(shop.places)


async def test_who_gives_up_takes_no_place() -> None:
    shop = Workshop(Places(1, 10))
    tasks = [asyncio.ensure_future(shop.work("a", str(number))) for number in range(3)]
    await settle()
    tasks[1].cancel()
    await settle()
    shop.ends["0"].set()
    await settle()
    assert shop.begun == ["0", "2"]
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not len(shop.places)


async def test_a_turn_that_comes_to_who_is_giving_up_goes_on_to_the_next() -> None:
    shop = Workshop(Places(1, 10))
    tasks = [asyncio.ensure_future(shop.work("a", str(number))) for number in range(3)]
    await settle()
    shop.ends["0"].set()
    await asyncio.sleep(0)  # the first one ends: the second has its turn, and has not run yet
    tasks[1].cancel()
    await settle()
    shop.ends["2"].set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert shop.begun == ["0", "2"]
    assert not len(shop.places)


async def test_who_gives_up_while_the_line_moves_is_only_canceled() -> None:
    """The one before ends after the cancellation and before the canceled one has run again."""
    places = Places[str](1, 10)
    shop = Workshop(places)
    async with places.take("a"):
        task = asyncio.ensure_future(shop.work("a", "1"))
        await settle()
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not len(places)
