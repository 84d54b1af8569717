"""`/.well-known/matrix/server` of other servers: who answers for a name, remembered as the answer allows.

Spec: https://spec.matrix.org/v1.19/server-server-api/#getwell-knownmatrixserver
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec
import structlog

from timserver.clock import Clock
from timserver.matrix.ids import InvalidID, ServerName, parse_server_name
from timserver.remote.errors import RemoteError
from timserver.remote.expiring import Expiring
from timserver.remote.fetcher import Fetcher, Request

_log = structlog.get_logger("timserver.remote")

_BYTES_MAX: Final = 51_200
_TIMEOUT_S: Final = 15.0
_REDIRECTS_MAX: Final = 5
_ENTRIES_MAX: Final = 20_000
LIFE_S_DEFAULT: Final = 24 * 3600.0
LIFE_S_MAX: Final = 48 * 3600.0
LIFE_S_MIN: Final = 300.0
FAILURE_S_FIRST: Final = 60.0
FAILURE_S_MAX: Final = 3600.0


class _Document(msgspec.Struct, frozen=True, rename={"server": "m.server"}):
    server: str


class _Known(msgspec.Struct, frozen=True):
    """What a host said; `failures` in a row since, and None when it said nothing usable."""

    delegated: ServerName | None
    failures: int = 0


class WellKnown:
    """Asks and remembers. Only the port is ever another one than the spec's, in tests."""

    def __init__(self, fetcher: Fetcher, clock: Clock, port: int = 443) -> None:
        self._fetcher, self._clock = fetcher, clock
        self._port = port
        self._fresh: Expiring[str, _Known] = Expiring(_ENTRIES_MAX)
        self._last: Expiring[str, _Known] = Expiring(_ENTRIES_MAX)
        """What was said within the last 48 hours, also past its own end, for when the host is away."""

    async def delegated(self, host: str) -> ServerName | None:
        """Who answers for the host; None when it does not say."""
        now_s = self._clock.monotonic_s()
        known = self._fresh.get(host, now_s)
        if known is not None:
            return known.delegated
        try:
            delegated, life_s = await self._ask(host)
        except RemoteError as error:
            return self._failed(host, error)
        now_s = self._clock.monotonic_s()
        known = _Known(delegated)
        self._last.put(host, known, now_s + LIFE_S_MAX)
        return self._fresh.put(host, known, now_s + life_s).delegated

    def _failed(self, host: str, error: RemoteError) -> ServerName | None:
        _log.debug("no well-known document", host=host, error=str(error))
        now_s = self._clock.monotonic_s()
        before = self._last.get(host, now_s) or _Known(None)
        known = _Known(before.delegated if error.transient else None, before.failures + 1)
        self._last.put(host, known, now_s + LIFE_S_MAX)
        wait_s = min(FAILURE_S_FIRST * 2**before.failures, FAILURE_S_MAX)
        return self._fresh.put(host, known, now_s + wait_s).delegated

    async def _ask(self, host: str) -> tuple[ServerName, float]:
        place = host if self._port == 443 else f"{host}:{self._port}"
        answer = await self._fetcher.fetch(
            Request(url=f"https://{place}/.well-known/matrix/server"),
            bytes_max=_BYTES_MAX,
            timeout_s=_TIMEOUT_S,
            redirects_max=_REDIRECTS_MAX,
        )
        if answer.status != 200:
            raise RemoteError("no document", status=answer.status, transient=answer.status >= 500)
        try:
            document = msgspec.json.decode(answer.body, type=_Document)
            server_name = parse_server_name(document.server)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidID) as error:
            raise RemoteError("malformed document") from error
        return server_name, life_s(answer.headers, self._clock.now_ms())


def life_s(headers: Mapping[str, str], now_ms: int) -> float:
    """How long an answer may be used, by its Cache-Control or Expires, within our own bounds."""
    directives = [item.strip().lower() for item in headers.get("Cache-Control", "").split(",")]
    life = LIFE_S_DEFAULT
    if "no-store" in directives or "no-cache" in directives:
        life = 0.0
    elif ages := [item.partition("=")[2].strip('"') for item in directives if item.startswith("max-age=")]:
        life = float(ages[0]) if ages[0].isdecimal() else LIFE_S_DEFAULT
    elif "Expires" in headers:
        try:
            life = parsedate_to_datetime(headers["Expires"]).timestamp() - now_ms / 1000
        except (ValueError, TypeError, OverflowError):
            life = 0.0
    return max(LIFE_S_MIN, min(life, LIFE_S_MAX))
