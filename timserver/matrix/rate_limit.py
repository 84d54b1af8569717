"""Rate limits as one number per key: the generic cell rate algorithm (a leaky bucket without a bucket).

The state is the time at which the bucket would be empty again. It costs no timer, and a state that lies in the
past equals no state, so it may be forgotten.
"""

from math import ceil

import msgspec


class Limit(msgspec.Struct, frozen=True):
    """`per_second` on average, `burst_count` (at least 1) at once."""

    per_second: float
    burst_count: int


class Taken(msgspec.Struct, frozen=True):
    """The new state, and how long to wait: `retry_after_ms == 0` means allowed."""

    empty_at_ms: float
    retry_after_ms: int

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.retry_after_ms == 0


def reserve(empty_at_ms: float, now_ms: float, limit: Limit, count: int) -> Taken:
    """Count some that come anyway; `retry_after_ms` says how long to wait until there is room for all of them."""
    interval_ms = 1000 / limit.per_second
    filled_to_ms = max(empty_at_ms, now_ms) + interval_ms * count
    return Taken(filled_to_ms, max(0, ceil(filled_to_ms - interval_ms * limit.burst_count - now_ms)))


def take(empty_at_ms: float, now_ms: float, limit: Limit) -> Taken:
    """Count one request. A refused one is not counted. A new key begins with `empty_at_ms = 0`.

    `now_ms` is best a monotonic clock; a clock that jumps back locks nobody out for longer than a full bucket.
    """
    interval_ms = 1000 / limit.per_second
    capacity_ms = interval_ms * limit.burst_count
    filled_to_ms = min(max(empty_at_ms, now_ms), now_ms + capacity_ms)
    wait_ms = filled_to_ms + interval_ms - capacity_ms - now_ms
    if wait_ms > 1e-6:
        return Taken(filled_to_ms, ceil(wait_ms))
    return Taken(filled_to_ms + interval_ms, 0)
