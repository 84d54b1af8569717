"""What everybody else has meanwhile: how long their messages, and events of a quiet server, take."""

import asyncio
import time
from collections.abc import Iterator
from itertools import islice

import msgspec

from conformance.bench.accounting import peak_memory_bytes, reset_peak_memory
from conformance.bench.client import RequestFailed
from conformance.bench.connection import Connection
from conformance.bench.figures import percentile
from conformance.bench.server import Server
from conformance.floods.deployment import Practice
from conformance.floods.requests import Visitor, transactions

SEND_EVERY_S = 0.3
FEDERATION_EVERY_S = 0.08


class Seen(msgspec.Struct):
    """Latencies in milliseconds, by what was done; and how often it failed."""

    send: list[float] = []
    receive: list[float] = []
    federation: list[float] = []
    failed: int = 0
    peak_bytes: int = 0

    def percentiles(self, percent: float) -> dict[str, float]:
        """Of each kind."""
        kinds = {"send": self.send, "receive": self.receive, "federation": self.federation}
        return {name: percentile(sorted(values), percent) for name, values in kinds.items()}


class Others:
    """People of practices, and a server with little to say."""

    def __init__(self, server: Server, practices: list[Practice], quiet: Visitor) -> None:
        self._server, self._practices = server, practices
        self._transactions: Iterator[bytes] = iter(list(islice(transactions(quiet, 1), 5_000)))

    async def watch(self, seconds: float, seen: Seen) -> None:
        """Do what they do for a while, and write it down."""
        reset_peak_memory(self._server.pid)
        until = time.perf_counter() + seconds
        steps = [
            self._talk(practice, seen, until, place / len(self._practices))
            for place, practice in enumerate(self._practices)
        ]
        await asyncio.gather(*steps, self._federate(seen, until))
        seen.peak_bytes = max(seen.peak_bytes, peak_memory_bytes(self._server.pid))

    async def _talk(self, practice: Practice, seen: Seen, until: float, shift: float) -> None:
        """One says something, the other one waits for it in a long poll."""
        await asyncio.sleep(shift * SEND_EVERY_S)
        since = (await practice.receiver.sync())["next_batch"]
        while time.perf_counter() < until:
            began = time.perf_counter()
            poll = asyncio.ensure_future(practice.receiver.sync(since, 10_000))
            await asyncio.sleep(SEND_EVERY_S / 2)
            said = time.perf_counter()
            try:
                await practice.sender.send(practice.room_id)
                seen.send.append((time.perf_counter() - said) * 1000)
                since = (await poll)["next_batch"]
                seen.receive.append((time.perf_counter() - said) * 1000)
            except RequestFailed:
                seen.failed += 1
                await asyncio.wait([poll])
            await asyncio.sleep(max(0.0, began + SEND_EVERY_S - time.perf_counter()))

    async def _federate(self, seen: Seen, until: float) -> None:
        connection = Connection(self._server.host, self._server.port)
        while time.perf_counter() < until:
            began = time.perf_counter()
            status, body = await connection.exchange(next(self._transactions))
            seen.federation.append((time.perf_counter() - began) * 1000)
            seen.failed += status != 200 or b'"error"' in body
            await asyncio.sleep(max(0.0, began + FEDERATION_EVERY_S - time.perf_counter()))
        connection.close()
