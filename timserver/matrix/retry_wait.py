"""How long a server that did not answer is left alone.

The wait grows with the outage, not by a factor per try: a sixth to a seventh of the time that the server has been
failing. So ten minutes of outage are noticed to be over within two, one refused request costs the first wait only, and
a server that has been dead for a day is asked once an hour, for ever. Chance spreads those that failed together.
"""

from typing import Final

WAIT_MS_MAX: Final = 60 * 60 * 1000
GROWTH: Final = 0.15
SPREAD: Final = 0.1


def retry_wait_ms(first_ms: int, failing_ms: int, chance: float) -> int:
    """Milliseconds to the next try: of the first wait, the time since the first failure, and chance in [0, 1)."""
    wait_ms = max(first_ms, min(WAIT_MS_MAX, failing_ms * GROWTH))
    return int(wait_ms * (1 + SPREAD * (2 * chance - 1)))
