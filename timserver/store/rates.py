"""Rate limits of a process: one number per key, bounded; the algorithm is `matrix.rate_limit`."""

import asyncio

from timserver.clock import Clock
from timserver.config import RateKind, RateLimits
from timserver.matrix import errors, rate_limit
from timserver.tenancy import Tenant

_ENTRIES_MAX = 100_000


class Rates:
    """Counts what is taken, per (tenant, kind, who)."""

    def __init__(self, clock: Clock, settings: RateLimits) -> None:
        self.clock = clock
        self._limits = {
            kind: rate_limit.Limit(rate.per_second, rate.burst)
            for kind in RateKind
            if (rate := settings.of(kind)) is not None
        }
        self._empty_at: dict[tuple[int, RateKind, str | int], float] = {}

    def take(self, tenant: Tenant, kind: RateKind, who: str | int) -> None:
        """Count one; raises `LimitExceeded` with `retry_after_ms` when there is no room for it."""
        limit = self._limits.get(kind)
        if limit is None:
            return
        now_ms = self.clock.monotonic_s() * 1000
        key = (tenant.tenant_id, kind, who)
        taken = rate_limit.take(self._empty_at.get(key, 0.0), now_ms, limit)
        if not taken.allowed:
            raise errors.LimitExceeded(retry_after_ms=taken.retry_after_ms)
        self._note(key, now_ms, taken)

    async def pace(self, tenant: Tenant, kind: RateKind, who: str, count: int) -> None:
        """Count some, and wait until there is room for them: for who sends the next when this is done."""
        limit = self._limits.get(kind)
        if limit is None:
            return
        now_ms = self.clock.monotonic_s() * 1000
        key = (tenant.tenant_id, kind, who)
        taken = rate_limit.reserve(self._empty_at.get(key, 0.0), now_ms, limit, count)
        self._note(key, now_ms, taken)
        if not taken.allowed:
            await asyncio.sleep(taken.retry_after_ms / 1000)

    def _note(self, key: tuple[int, RateKind, str | int], now_ms: float, taken: rate_limit.Taken) -> None:
        if len(self._empty_at) > _ENTRIES_MAX:
            self._empty_at = {old: at for old, at in self._empty_at.items() if at > now_ms}
        self._empty_at[key] = taken.empty_at_ms
