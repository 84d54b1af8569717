"""The one aiohttp adaptor: from a request on a socket to an endpoint and back (STYLE 5, step 1 of each flow).

Tenant from the listener or Host, endpoint from the path, requester from the token, rate limit, decoding; then the
handler; then its answer or error as JSON, with CORS headers on everything.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from timserver.api import decoding, sendfile, server_gate
from timserver.api.endpoint import Answer, Auth, BodyStream, Endpoint, FileBody, Peer
from timserver.api.metrics import Metrics
from timserver.api.routing import Match, Routes
from timserver.config import Listener, RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.x_matrix import Authorization
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts import SeenFrom, authenticate
from timserver.usecases.federation.verify_request import read_claim, verify_request
from timserver.usecases.tenants import find_tenant

_log = structlog.get_logger("timserver.http")
_encode = msgspec.json.Encoder().encode

OPERATION = web.RequestKey("operation", str)
"""The operation that a request was routed to."""

CLIENT_LEFT = 499
"""The status under which a request is counted whose client did not wait for the answer."""

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS",
    "Access-Control-Allow-Headers": "X-Requested-With, Content-Type, Authorization, Range",
    "Access-Control-Expose-Headers": "Retry-After, ETag, Content-Disposition, Content-Range",
}


class Dispatcher:
    """Serves the endpoints of one listener, for the tenant it is pinned to or the one that Host names."""

    def __init__(self, ctx: Context, routes: Routes, listener: Listener, metrics: Metrics) -> None:
        self._ctx = ctx
        self._metrics = metrics
        self._routes = routes
        self._pinned = listener.tenant
        self._trust_forwarded = listener.trust_forwarded
        self._plans: dict[int, decoding.Plan] = {}

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Everything that goes wrong becomes the spec's error."""
        self._metrics.begin()
        began_s, status = self._ctx.clock.monotonic_s(), CLIENT_LEFT
        try:
            response = await self._response(http)
            status = response.status
        except ConnectionError:
            response = _abandon(http)
        finally:
            self._metrics.end(http.get(OPERATION, ""), status, self._ctx.clock.monotonic_s() - began_s)
        return response

    async def _response(self, http: web.BaseRequest) -> web.StreamResponse:
        if http.method == "OPTIONS":
            return _respond(http, 200, b"{}")
        try:
            answer = await self._answer(http)
        except errors.LimitExceeded as error:
            await self._pause(error)
            return _refuse(http, error)
        except errors.MatrixError as error:
            return _refuse(http, error)
        except (HttpProcessingError, ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            request_id = self._ctx.ids.opaque(12)
            _log.exception("request failed", request_id=request_id, method=http.method)
            return _refuse(http, errors.Unknown(f"Internal server error (request {request_id})"))
        if isinstance(answer, Answer):
            if answer.file is not None:
                return await _send_file(http, answer, answer.file)
            if answer.chunks is not None:
                return await _send_chunks(http, answer, answer.chunks)
            body = answer.body if isinstance(answer.body, bytes) else _encode(answer.body)
            return _respond(http, answer.status, body, answer.headers)
        return _respond(http, 200, _encode(answer))

    async def _pause(self, error: errors.LimitExceeded) -> None:
        """Who asks at once again after each refusal would cost as much as one who is served (RELIABILITY R11)."""
        asked_ms, most_ms = error.extra.get("retry_after_ms"), self._ctx.settings.limits.refusal_pause_ms_max
        if isinstance(asked_ms, int):
            await asyncio.sleep(min(asked_ms, most_ms) / 1000)

    async def _answer(self, http: web.BaseRequest) -> Any:
        raw_path, _, query = http.raw_path.partition("?")
        try:
            match = self._routes.find(http.method, raw_path)
        except UnicodeDecodeError:
            raise errors.InvalidParam("Path is not UTF-8") from None
        endpoint = match.endpoint
        http[OPERATION] = endpoint.operation_id
        values = parse_qs(query, keep_blank_values=True) if query else {}
        if endpoint.auth.of_servers:
            return await self._answer_server(http, match, values)
        tenant = await self._tenant_of_host(http)
        if tenant is None:
            raise errors.NotFound("No such homeserver here")
        requester = await self._requester(http, tenant, endpoint, values)
        self._limit(http, tenant, endpoint, requester)
        arguments: list[Any] = [self._ctx, tenant]
        if endpoint.auth is not Auth.NONE:
            arguments.append(requester)
        if endpoint.request is not None:
            arguments.append(await self._decode(http, match, values))
        if requester is None or endpoint.waits:
            return await endpoint.handler(*arguments)
        async with self._ctx.caches.shares.of_user(tenant, requester):
            return await endpoint.handler(*arguments)

    async def _tenant_of_host(self, http: web.BaseRequest) -> Tenant | None:
        return await find_tenant(self._ctx, self._pinned or http.headers.get("Host", "").lower())

    async def _answer_server(self, http: web.BaseRequest, match: Match, query: dict[str, list[str]]) -> Any:
        ctx = self._ctx
        claim = read_claim(http.headers.getall("Authorization", ()))
        if not claim and match.endpoint.auth is Auth.SERVER:
            raise errors.Unauthorized("Missing X-Matrix authorization")
        tenant = await self._destination(http, claim)

        async def proved_body() -> bytes:
            limits = ctx.settings.limits
            size_max = match.endpoint.body_bytes_max or limits.federation_body_bytes_max
            body = await _receive(http, size_max, limits.request_body_s_max)
            if claim:
                await verify_request(
                    ctx,
                    tenant,
                    claim,
                    method=http.method,
                    uri=http.raw_path,
                    body=body,
                    address=self._peer(http).address,
                )
            return body

        return await server_gate.serve(
            ctx,
            tenant,
            server_gate.ServerRequest(
                match=match,
                query=query,
                headers=lambda name: http.headers.getall(name, ()),
                origin=claim[0].origin if claim else None,
                address=self._peer(http).address,
                proved_body=proved_body,
            ),
        )

    async def _destination(self, http: web.BaseRequest, claim: Sequence[Authorization]) -> Tenant:
        """The tenant that is meant, by X-Matrix and by Host, which must not contradict (REQUIREMENTS MT-1)."""
        by_host = await self._tenant_of_host(http)
        destination = claim[0].destination if claim else None
        if destination is None:
            if by_host is None:
                raise errors.NotFound("No such homeserver here")
            return by_host
        tenant = await find_tenant(self._ctx, destination)
        if tenant is None or tenant.server_name != destination or by_host not in (None, tenant):
            raise errors.Unauthorized("Another homeserver is the destination")
        return tenant

    async def _requester(
        self, http: web.BaseRequest, tenant: Tenant, endpoint: Endpoint, query: dict[str, list[str]]
    ) -> Requester | None:
        if endpoint.auth is Auth.NONE:
            return None
        scheme, _, token = http.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            token = query.get("access_token", [""])[0] if self._ctx.settings.token_in_query else ""
        if not token:
            if endpoint.auth is Auth.OPTIONAL:
                return None
            raise errors.MissingToken()
        peer = self._peer(http)
        requester = await authenticate(
            self._ctx,
            tenant,
            token.strip(),
            SeenFrom(peer.address, peer.user_agent),
            may_when_locked=endpoint.may_when_locked,
        )
        if endpoint.auth is Auth.ADMIN and not requester.is_admin:
            raise errors.Forbidden("You are not a server admin")
        if requester.is_suspended and not endpoint.may_when_suspended:
            raise errors.UserSuspended()
        return requester

    def _limit(
        self, http: web.BaseRequest, tenant: Tenant, endpoint: Endpoint, requester: Requester | None
    ) -> None:
        """By the narrowest limit first: what is refused to one takes nothing from all."""
        rates = self._ctx.caches.rates
        if endpoint.rate is not None:
            who = requester.user_nid if requester else self._peer(http).address
            rates.take(tenant, endpoint.rate, who)
        if requester is not None:
            rates.take(tenant, RateKind.USER, requester.user_nid)
        rates.take(tenant, RateKind.TENANT, "")

    def _peer(self, http: web.BaseRequest) -> Peer:
        """Who asks; behind a proxy of ours what that proxy saw, which is the last entry of the header."""
        address = http.remote or ""
        if self._trust_forwarded:
            address = http.headers.get("X-Forwarded-For", address).rpartition(",")[2].strip()
        return Peer(address, http.headers.get("User-Agent", "")[:256])

    async def _decode(self, http: web.BaseRequest, match: Match, query: dict[str, list[str]]) -> Any:
        endpoint = match.endpoint
        plan = self._plans.get(id(endpoint))
        if plan is None:
            assert endpoint.request is not None
            plan = self._plans[id(endpoint)] = decoding.make_plan(endpoint.request)
        fields = decoding.read_addressed(
            plan, match.values, query, lambda name: http.headers.getall(name, ())
        )
        limits = self._ctx.settings.limits
        if plan.raw_body is not None:
            fields[plan.raw_body] = _stream(http, limits.upload_idle_s_max)
        elif plan.body is not None:
            size_max = endpoint.body_bytes_max or limits.json_body_bytes_max
            decoding.read_body(
                plan, await _receive(http, size_max, limits.request_body_s_max), limits.json_depth_max, fields
            )
        if plan.peer is not None:
            fields[plan.peer] = self._peer(http)
        return plan.make(**fields)


async def _receive(http: web.BaseRequest, size_max: int, within_s: float) -> bytes:
    """The whole body: after inflation at most `size_max` bytes, and here within `within_s`."""
    if (http.content_length or 0) > size_max:
        raise errors.TooLarge()
    if http.content.is_eof():  # it came together with the headers, as most do
        return await _read(http, size_max)
    _welcome(http)
    try:
        async with asyncio.timeout(within_s):
            return await _read(http, size_max)
    except TimeoutError:
        raise errors.Unknown("The body takes too long", status=408) from None


async def _read(http: web.BaseRequest, size_max: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in http.content.iter_any():
        size += len(chunk)
        if size > size_max:
            raise errors.TooLarge()
        chunks.append(chunk)
    return b"".join(chunks)


def _welcome(http: web.BaseRequest) -> None:
    """Tell a client that asks before it sends (curl does) that its body is wanted."""
    if http.headers.get("Expect", "").lower() == "100-continue" and http.transport is not None:
        http.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _stream(http: web.BaseRequest, idle_s_max: float) -> BodyStream:
    async def chunks() -> AsyncIterator[bytes]:
        _welcome(http)
        while not http.content.at_eof():
            try:
                async with asyncio.timeout(idle_s_max):
                    chunk = await http.content.readany()
            except TimeoutError:
                raise errors.Unknown("The body takes too long", status=408) from None
            yield chunk

    return BodyStream(chunks(), http.headers.get("Content-Type"), http.content_length)


def _respond(
    http: web.BaseRequest,
    status: int,
    body: bytes,
    headers: Any = None,
    content_type: str = "application/json",
) -> web.Response:
    all_headers = CIMultiDict(_CORS)
    all_headers["Content-Type"] = content_type
    if headers:
        all_headers.update(headers)
    return web.Response(status=status, body=body, headers=all_headers)


def _abandon(http: web.BaseRequest) -> web.Response:
    """The client has gone or takes nothing: nobody hears the answer, and it is no error of ours."""
    if http.transport is not None:
        http.transport.abort()
    return web.Response(status=CLIENT_LEFT)


def _refuse(http: web.BaseRequest, error: errors.MatrixError) -> web.Response:
    headers = {}
    retry_after_ms = error.extra.get("retry_after_ms")
    if isinstance(retry_after_ms, int):
        headers["Retry-After"] = str(max(1, -(-retry_after_ms // 1000)))
    elif error.http_status == 503:
        headers["Retry-After"] = "1"
    if error.inner:
        _log.info("refused", errcode=error.errcode, inner=error.inner)
    response = _respond(http, error.http_status, _encode(error.body()), headers)
    if error.http_status in (408, 413):  # the rest of the body is not read
        response.force_close()
    return response


async def _send_file(http: web.BaseRequest, answer: Answer, file: FileBody) -> web.StreamResponse:
    """Stream a stretch of a file, by sendfile where the transport can."""
    response = web.StreamResponse(status=answer.status, headers=CIMultiDict({**_CORS, **answer.headers}))
    response.content_length = len(file.before) + file.size_bytes + len(file.after)
    try:
        opened = await asyncio.to_thread(Path(file.path).open, "rb", buffering=0)
    except FileNotFoundError:
        _log.error("a file is missing that its row promises")
        return _refuse(http, errors.NotFound())
    with opened as handle:
        await response.prepare(http)
        transport = http.transport
        if http.method == "HEAD" or transport is None:
            return response
        if file.before:
            await response.write(file.before)
        if await sendfile.can_send_file(transport):
            await sendfile.send_file(transport, handle, file.offset_bytes, file.size_bytes)
        else:
            async for chunk in sendfile.chunks_of(handle, file.offset_bytes, file.size_bytes):
                await response.write(chunk)
    await response.write_eof(file.after)
    return response


async def _send_chunks(
    http: web.BaseRequest, answer: Answer, chunks: AsyncIterator[bytes]
) -> web.StreamResponse:
    """JSON that is made while it is sent. When that fails the connection ends: the status has gone out."""
    headers = CIMultiDict({**_CORS, "Content-Type": "application/json", **answer.headers})
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(http)
    try:
        async for chunk in chunks:
            async with asyncio.timeout(sendfile.STALLED_S):
                await response.write(chunk)
    except errors.MatrixError as error:
        _log.warning("an answer ends early", error=type(error).__name__)
        raise ConnectionAbortedError from error
    except TimeoutError as error:
        raise ConnectionAbortedError("the other server takes nothing") from error
    await response.write_eof()
    return response
