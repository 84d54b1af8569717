"""The hints between processes end when the process does."""

import asyncio
import contextlib

import pytest

from timserver.store.bus import Bus, Hint


@pytest.mark.parametrize("steps", range(6))
async def test_a_hint_at_the_end_does_not_keep_it_going(database_url: str, steps: int) -> None:
    """It comes while the loop waits for one, and as many turns of the event loop later the process goes down."""
    bus, heard = Bus(database_url), Bus(database_url)
    arrived = asyncio.Event()
    heard.on_position = lambda *_: arrived.set()
    running = [asyncio.create_task(bus.run()), asyncio.create_task(heard.run())]
    async with asyncio.timeout(20):
        while not arrived.is_set():
            bus.tell(Hint(1, 1))
            with contextlib.suppress(TimeoutError):  # nobody listened yet
                async with asyncio.timeout(0.05):
                    await arrived.wait()
    bus.tell(Hint(1, 2))
    for _ in range(steps):
        await asyncio.sleep(0)
    for task in running:
        task.cancel()
    _, left = await asyncio.wait(running, timeout=5)
    for task in left:
        task.cancel()
    assert not left
