"""What lies between two homeservers in one direction: takes HTTPS requests, passes them on or does worse to them.

The sender sees what it would see of a bad network: connections that are reset before or after the request got
through, answers that never come, requests that arrive twice, late, or in another order than they were sent.
"""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from random import Random

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

HANG_S_MAX = 5.0
"""A request whose answer never comes is given up after this time, if the sender has not done so before."""

_HOPS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"})


class Fate(StrEnum):
    """What becomes of a request."""

    PASSED = "passed"
    RESET_BEFORE = "reset before"
    RESET_AFTER = "reset after"
    """It was received, and the answer was lost."""
    HUNG = "hung"
    LATE = "late"
    """The connection was reset, and the request arrived afterwards, perhaps behind later ones."""
    TWICE = "twice"
    CUT = "cut"


_LOSSES = (Fate.RESET_BEFORE, Fate.RESET_AFTER, Fate.HUNG, Fate.LATE)


@dataclass
class Faults:
    """How bad the network is."""

    loss: float = 0.0
    delay_s: float = 0.0
    """The longest; most are much shorter."""
    twice: float = 0.0


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: CIMultiDict[str]
    body: bytes


class Link:
    """One direction between two servers; `cut` and `clog` it, and `heal` it again."""

    def __init__(self, target: str, random: Random, http: aiohttp.ClientSession) -> None:
        self._target, self._random, self._http = target, random, http
        self.faults = Faults()
        self.fates: Counter[Fate] = Counter()
        self._is_cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._late: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Reset every connection, now and from now on."""
        self._is_cut = True
        self._flows.set()

    def clog(self) -> None:
        """Hold what comes."""
        self._flows.clear()

    def unclog(self) -> None:
        """Let go what was held, all at once."""
        self._flows.set()

    def heal(self) -> None:
        """From now on everything passes."""
        self._is_cut, self.faults = False, Faults()
        self._flows.set()

    async def finish(self) -> None:
        """Wait for what arrives late."""
        await asyncio.gather(*self._late)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """One request, as `aiohttp.web.Server` gives it."""
        body = await request.read()
        if not self._is_cut:
            await self._flows.wait()
        if not self._is_cut:
            await asyncio.sleep(self.faults.delay_s * self._random.random() ** 3)
        fate = self._draw()
        self.fates[fate] += 1
        return await self._carry_out(fate, request, body)

    def _draw(self) -> Fate:
        if self._is_cut:
            return Fate.CUT
        if self._random.random() < self.faults.loss:
            return self._random.choice(_LOSSES)
        return Fate.TWICE if self._random.random() < self.faults.twice else Fate.PASSED

    async def _carry_out(self, fate: Fate, request: web.BaseRequest, body: bytes) -> web.Response:
        match fate:
            case Fate.CUT | Fate.RESET_BEFORE:
                return _reset(request)
            case Fate.HUNG:
                await asyncio.sleep(HANG_S_MAX)
                return _reset(request)
            case Fate.LATE:
                late = asyncio.create_task(self._deliver_late(request, body))
                self._late.add(late)
                late.add_done_callback(self._late.discard)
                return _reset(request)
        if fate is Fate.TWICE:
            answer, _ = await asyncio.gather(self._pass_on(request, body), self._pass_on(request, body))
        else:
            answer = await self._pass_on(request, body)
        if answer is None or fate is Fate.RESET_AFTER or self._is_cut:
            return _reset(request)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _deliver_late(self, request: web.BaseRequest, body: bytes) -> None:
        await asyncio.sleep(self._random.random() * 1.5)
        if not self._is_cut:
            await self._pass_on(request, body)

    async def _pass_on(self, request: web.BaseRequest, body: bytes) -> _Answer | None:
        url = URL(self._target + request.raw_path, encoded=True)
        headers = _without_hops(request.headers)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._http.request(
                request.method, url, data=body or None, headers=headers, allow_redirects=False
            ) as answer:
                return _Answer(answer.status, _without_hops(answer.headers), await answer.read())
        return None


def _without_hops(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOPS)


def _reset(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # nobody is there to get it


@asynccontextmanager
async def listening(link: Link, address: tuple[str, int], context: ssl.SSLContext) -> AsyncIterator[None]:
    """The link's own end, where the sender believes that the other server is."""
    runner = web.ServerRunner(web.Server(link.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, *address, ssl_context=context).start()
    try:
        yield
    finally:
        await runner.cleanup()
