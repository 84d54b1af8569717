"""Hints between processes: LISTEN and a coalescing NOTIFY on connections of their own (ECOSYSTEM 5.3).

Never inside a write transaction. A hint may be lost; whoever waits also polls.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import msgspec
import structlog

_CHANNEL = "timserver"
_INTERVAL_S = 0.01
_QUIET_S_MAX = 15
_PAYLOAD_BYTES_MAX = 7_500

_log = structlog.get_logger("timserver.bus")


class Hint(msgspec.Struct, frozen=True, array_like=True):
    """The tenant's log has reached a position; 0 and a `dropped` name: forget what is cached under it."""

    tenant_id: int
    position: int
    dropped: str = ""


_decode = msgspec.json.Decoder(list[Hint]).decode


class Bus:
    """Tells and hears hints. `run` keeps both connections alive."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._positions: dict[int, int] = {}
        self._drops: list[Hint] = []
        self._pending = asyncio.Event()
        self.on_position: Callable[[int, int], None] = lambda *_: None
        self.on_drop: Callable[[int, str], None] = lambda *_: None

    def tell(self, hint: Hint) -> None:
        """Tell the other processes soon; hints for one tenant melt into the newest."""
        if hint.dropped:
            self._drops.append(hint)
        else:
            self._positions[hint.tenant_id] = max(hint.position, self._positions.get(hint.tenant_id, 0))
        self._pending.set()

    async def run(self) -> None:
        """Until canceled; reconnects for ever."""
        while True:
            try:
                await self._serve()
            except (
                OSError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,
            ) as error:
                _log.warning("bus lost", error=type(error).__name__)
            await asyncio.sleep(1)

    async def _serve(self) -> None:
        connection = await asyncpg.connect(self._url, server_settings={"application_name": "timserver-bus"})
        own_pid = connection.get_server_pid()
        try:
            await connection.add_listener(
                _CHANNEL, lambda _, pid, __, payload: None if pid == own_pid else self._hear(payload)
            )
            while not connection.is_closed():
                # `wait_for` of Python 3.11 loses a cancellation that comes with a hint
                try:
                    async with asyncio.timeout(_QUIET_S_MAX):
                        await self._pending.wait()
                except TimeoutError:
                    await connection.execute("select 1")
                    continue
                self._pending.clear()
                for payload in self._take():
                    await connection.execute("select pg_notify($1, $2)", _CHANNEL, payload)
                await asyncio.sleep(_INTERVAL_S)
        finally:
            connection.terminate()

    def _hear(self, payload: Any) -> None:
        for hint in _decode(payload):
            if hint.dropped:
                self.on_drop(hint.tenant_id, hint.dropped)
            else:
                self.on_position(hint.tenant_id, hint.position)

    def _take(self) -> list[str]:
        hints = self._drops + [Hint(tenant, position) for tenant, position in self._positions.items()]
        self._drops, self._positions = [], {}
        payloads: list[str] = []
        part: list[bytes] = []
        size = 0
        for encoded in map(msgspec.json.encode, hints):
            if size + len(encoded) > _PAYLOAD_BYTES_MAX:
                payloads.append("[" + b",".join(part).decode() + "]")
                part, size = [], 0
            part.append(encoded)
            size += len(encoded) + 1
        if part:
            payloads.append("[" + b",".join(part).decode() + "]")
        return payloads
