"""Time, identifiers and randomness as values that are handed in, so that tests can replay them."""

import secrets
import string
import time
from typing import Protocol

_ALPHABET = string.ascii_letters + string.digits


class Clock(Protocol):
    """Where the time comes from."""

    def now_ms(self) -> int:
        """Wall-clock milliseconds since 1970, as in `origin_server_ts`."""
        ...

    def monotonic_s(self) -> float:
        """Seconds of a clock that never goes back, for waits and limits."""
        ...


class IdSource(Protocol):
    """Where random identifiers and secrets come from."""

    def opaque(self, length: int) -> str:
        """`length` random characters of [A-Za-z0-9]."""
        ...

    def secret(self, size_bytes: int) -> bytes:
        """`size_bytes` bytes that nobody can guess."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """See `Clock`."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """See `Clock`."""
        return time.monotonic()


class SystemIds:
    """The operating system's randomness."""

    def opaque(self, length: int) -> str:
        """See `IdSource`."""
        return "".join(secrets.choice(_ALPHABET) for _ in range(length))

    def secret(self, size_bytes: int) -> bytes:
        """See `IdSource`."""
        return secrets.token_bytes(size_bytes)
