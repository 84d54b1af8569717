"""Places for work of a process: so much of one key at once, so that who asks for much slows down himself and nobody else.

Who finds none waits in a line, in order; a long line is refused. A place is given back when the work ends, or after a
while: work that takes so long waits for somebody else, and whoever is next must not wait for that, too.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from timserver.clock import Clock
from timserver.config import Limits
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.tenancy import Requester, Tenant

HELD_S_MAX = 0.25
TENANT_HELD_S_MAX = 0.1
"""Colleagues do not wait longer than this behind somebody's first sync."""
ALONE_AFTER_S = 5.0
RETRY_AFTER_MS = 1_000

Key = TypeVar("Key", bound=Hashable)


class _Line:
    """What is under way of a key, and who waits."""

    __slots__ = ("is_free", "taken", "waiting")

    def __init__(self) -> None:
        self.taken = 0
        self.is_free = False
        self.waiting: deque[asyncio.Future[None]] = deque()


class Company:
    """Who has asked for something lately: whoever is alone may use up the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._latest: Hashable = None
        self._latest_s = self._others_s = -math.inf
        """When the latest asked, and when one last did that is another than the latest."""

    def is_alone(self, key: Hashable) -> bool:
        """The key asks now; did no other one for a while?"""
        if key != self._latest:
            self._others_s, self._latest = self._latest_s, key
        self._latest_s = self._clock.monotonic_s()
        return self._latest_s - self._others_s > ALONE_AFTER_S


class Places(Generic[Key]):
    """`at_once` places for each key, and a line of at most `line_max` (None: who waits is bounded elsewhere).

    With `company` a key that is alone may have any number.
    """

    def __init__(self, at_once: int, line_max: int | None = None, *, company: Company | None = None) -> None:
        self._at_once, self._line_max, self._company = at_once, line_max, company
        self._lines: dict[Key, _Line] = {}

    @asynccontextmanager
    async def take(self, key: Key, held_s_max: float = HELD_S_MAX) -> AsyncIterator[None]:
        """Have a place while the block runs. Raises `LimitExceeded` when the line is full."""
        await self._enter(key)
        is_held = True

        def give_back() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self._leave(key)

        timer = asyncio.get_running_loop().call_later(held_s_max, give_back)
        try:
            yield
        finally:
            timer.cancel()
            give_back()

    async def _enter(self, key: Key) -> None:
        line = self._lines.setdefault(key, _Line())
        line.is_free = self._company is not None and self._company.is_alone(key)
        if line.is_free or (line.taken < self._at_once and not line.waiting):
            line.taken += 1
            return
        if self._line_max is not None and len(line.waiting) >= self._line_max:
            raise errors.LimitExceeded(retry_after_ms=RETRY_AFTER_MS)
        turn = asyncio.get_running_loop().create_future()
        line.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave(key)  # the turn had come already
            elif turn in line.waiting:
                line.waiting.remove(turn)
            raise

    def _leave(self, key: Key) -> None:
        """The place goes to the next in the line, or is free; of who has nothing under way nothing is remembered."""
        line = self._lines[key]
        while line.waiting and (line.is_free or line.taken <= self._at_once):
            turn = line.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        line.taken -= 1
        if not line.taken:
            del self._lines[key]

    def __len__(self) -> int:
        return len(self._lines)


class Shares:
    """What users, tenants and other servers may have of a process (RELIABILITY R11)."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        company = Company(clock)
        self._of_users: Places[tuple[int, int]] = Places(
            limits.user_requests_at_once, limits.user_requests_waiting_max
        )
        self._of_tenants: Places[int] = Places(
            limits.tenant_requests_at_once, limits.tenant_requests_waiting_max, company=company
        )
        self.of_servers: Places[ServerName] = Places(limits.federation_events_at_once, company=company)
        """For admitting events; the line is bounded by the transactions that are received at once."""

    @asynccontextmanager
    async def of_user(self, tenant: Tenant, requester: Requester) -> AsyncIterator[None]:
        """Work for a user, in turn with what else the user and the tenant want. Raises `LimitExceeded`."""
        of_user = self._of_users.take((tenant.tenant_id, requester.user_nid))
        async with of_user, self._of_tenants.take(tenant.tenant_id, TENANT_HELD_S_MAX):
            yield
