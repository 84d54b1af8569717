"""The way between tenants of one deployment, without HTTP: a shortcut for the transport only (DESIGN 2, MT-4).

A request enters where one over HTTP has been proved (`server_gate`): the same routes, policy, rate limit, decoding,
handler and errors. What it saves is discovery, TLS, and the signature of the request; events are signed as ever.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

import msgspec
import structlog

from timserver.api import sendfile, server_gate
from timserver.api.endpoint import Answer, FileBody
from timserver.api.routing import Routes
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.remote.client import encode
from timserver.remote.errors import RemoteError
from timserver.remote.fetcher import Streamed
from timserver.store.caches import STALE_S, Lru
from timserver.tenancy import Tenant
from timserver.usecases.tenants import find_tenant

_STRANGERS_MAX = 10_000

_log = structlog.get_logger("timserver.loopback")
_encode = msgspec.json.Encoder().encode


class Loopback:
    """See `timserver.remote.client.Loopback`."""

    def __init__(self, ctx: Context, routes: Routes) -> None:
        self._ctx, self._routes = ctx, routes
        self._strangers: Lru[str, float] = Lru(_STRANGERS_MAX)
        """Names that are not ours, with the monotonic time of finding that out."""

    async def hosts(self, server_name: ServerName) -> bool:
        """Is it a tenant of this deployment? A new one may be unknown for some seconds."""
        return await self._find(server_name) is not None

    async def _find(self, server_name: ServerName) -> Tenant | None:
        now = self._ctx.clock.monotonic_s()
        looked_at = self._strangers.get(server_name)
        if looked_at is not None and now - looked_at < STALE_S:
            return None
        tenant = await find_tenant(self._ctx, server_name)
        if tenant is None or tenant.server_name != server_name:
            self._strangers.put(server_name, now)
            return None
        self._strangers.drop(server_name)
        return tenant

    async def request(
        self,
        origin: Tenant,
        destination: ServerName,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        content: JsonObject | None,
    ) -> bytes:
        """The answer's JSON. Raises RemoteError as if it had come over HTTP."""
        body = b"" if content is None else encode(content)
        timeout_s = self._ctx.settings.federation.request_s_max
        with self._told_as_over_http(method):
            async with asyncio.timeout(timeout_s):
                answer = await self._answer(origin, destination, method, path, query, body)
                if isinstance(answer, Answer) and answer.chunks is not None:
                    return b"".join([chunk async for chunk in answer.chunks])
        if not isinstance(answer, Answer):
            return _encode(answer)
        assert answer.file is None, "files are streamed"
        return answer.body if isinstance(answer.body, bytes) else _encode(answer.body)

    @asynccontextmanager
    async def stream(
        self, origin: Tenant, destination: ServerName, path: str, query: Sequence[tuple[str, str]]
    ) -> AsyncIterator[Streamed]:
        """A file, read from the disk as it is taken. Raises RemoteError as if it had come over HTTP."""
        with self._told_as_over_http("GET"):
            answer = await self._answer(origin, destination, "GET", path, query, b"")
            if not isinstance(answer, Answer) or answer.file is None:
                raise errors.Unrecognized("No file")
            opened = await asyncio.to_thread(Path(answer.file.path).open, "rb", buffering=0)
        with opened as handle:
            chunks = _chunks(answer.file, handle)
            yield Streamed(status=answer.status, headers=answer.headers, chunks=chunks)

    @contextmanager
    def _told_as_over_http(self, method: str) -> Iterator[None]:
        try:
            yield
        except errors.MatrixError as error:
            raise _refusal(error) from error
        except TimeoutError as error:
            raise RemoteError("the loop-back takes too long", transient=True) from error
        except Exception as error:
            request_id = self._ctx.ids.opaque(12)
            _log.exception("request failed", request_id=request_id, method=method)
            text = f"Internal server error (request {request_id})"
            raise RemoteError(text, status=500, errcode="M_UNKNOWN", transient=True) from error

    async def _answer(
        self,
        origin: Tenant,
        destination: ServerName,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: bytes,
    ) -> Any:
        match = self._routes.find(method, path)
        tenant = await self._find(destination)
        if tenant is None:
            raise errors.NotFound("No such homeserver here")
        limits = self._ctx.settings.limits
        if len(body) > (match.endpoint.body_bytes_max or limits.federation_body_bytes_max):
            raise errors.TooLarge()
        if len(path) + len(urlencode(query)) > limits.url_bytes_max:
            raise errors.InvalidParam("URI is too long")
        values: dict[str, list[str]] = {}
        for name, value in query:
            values.setdefault(name, []).append(value)

        async def proved_body() -> bytes:
            return body

        request = server_gate.ServerRequest(
            match=match,
            query=values,
            headers=lambda name: (),
            origin=origin.server_name,
            address="",
            proved_body=proved_body,
        )
        answer = await server_gate.serve(self._ctx, tenant, request)
        assert not isinstance(answer, Answer) or answer.status == 200, "a refusal is an exception"
        return answer


async def _chunks(file: FileBody, handle: BinaryIO) -> AsyncIterator[bytes]:
    yield file.before
    async for chunk in sendfile.chunks_of(handle, file.offset_bytes, file.size_bytes):
        yield chunk
    yield file.after


def _refusal(error: errors.MatrixError) -> RemoteError:
    retry_after_ms = error.extra.get("retry_after_ms")
    return RemoteError(
        error.error,
        status=error.http_status,
        errcode=error.errcode,
        transient=error.http_status >= 500 or error.http_status in {408, 429},
        retry_after_ms=retry_after_ms if isinstance(retry_after_ms, int) else None,
    )
