"""Work that is under way in this process, so that who asks for it again gets its outcome instead of a second one.

Only saves wasted work: other processes know nothing of it, and the database is the arbiter.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")


class InFlight(Generic[Key]):
    """One piece of work at a time for each key."""

    __slots__ = ("_running",)

    def __init__(self) -> None:
        self._running: dict[Key, tuple[int, asyncio.Future[None]]] = {}

    async def share(self, key: Key, owner: int, work: Callable[[], Awaitable[None]]) -> bool:
        """Do the work, or wait for who does it; True when it was done for this owner.

        An owner who asks again meanwhile gets the outcome, also the exception. Another owner only waits until it is
        over, and is told False.
        """
        running = self._running.get(key)
        if running is not None:
            outcome = running[1]
            await asyncio.wait([outcome])
            if running[0] != owner:
                return False
            outcome.result()
            return True
        outcome = asyncio.get_running_loop().create_future()
        self._running[key] = (owner, outcome)
        try:
            await work()
        except Exception as error:
            outcome.set_exception(error)
            outcome.exception()  # nobody else may be waiting: it is not lost, it is raised here
            raise
        finally:
            del self._running[key]
            if not outcome.done():
                outcome.set_result(None)
        return True

    def __len__(self) -> int:
        return len(self._running)
