"""The management listener: /livez, /readyz and /metrics, for the operator's network only; knows no tenant.

`/livez`: the event loop turns. `/readyz`: the database answers and the process is not draining. Both are plain text.
"""

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import web

from timserver.api.metrics import Metrics
from timserver.context import Context
from timserver.matrix import errors
from timserver.store import tenants

DATABASE_ANSWER_S_MAX = 2.0

_log = structlog.get_logger("timserver.management")


class Management:
    """Answers the requests of one management listener."""

    def __init__(self, ctx: Context, metrics: Metrics, is_draining: Callable[[], bool]) -> None:
        self._ctx = ctx
        self._metrics = metrics
        self._is_draining = is_draining

    async def __call__(self, http: web.BaseRequest) -> web.Response:
        """One request."""
        path = http.raw_path.partition("?")[0]
        if http.method not in {"GET", "HEAD"}:
            return web.Response(status=405, text="GET only\n")
        if path == "/livez":
            return web.Response(text="alive\n")
        if path == "/readyz":
            reason = await self._why_not_ready()
            return web.Response(status=503 if reason else 200, text=f"{reason or 'ready'}\n")
        if path == "/metrics":
            body = await asyncio.to_thread(self._metrics.text)
            return web.Response(
                body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
            )
        return web.Response(status=404, text="/livez, /readyz and /metrics are here\n")

    async def _why_not_ready(self) -> str | None:
        if self._is_draining():
            return "draining"
        try:
            async with asyncio.timeout(DATABASE_ANSWER_S_MAX), self._ctx.database.directory() as conn:
                await tenants.find_by_host(conn, "")
        except (errors.Unavailable, TimeoutError) as error:
            _log.warning("not ready", error=type(error).__name__)
            return "the database does not answer"
        return None
