"""`FederationClient`: one signed request to another homeserver, for a tenant. Remote calls stand on it.

The order: our policy (place 7 of tim/REQUIREMENTS 2.5), then the loop-back to a tenant of this deployment, or discovery,
signature, fetch. An answer other than 200 is a RemoteError.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol, TypedDict, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from yarl import URL

from timserver import core
from timserver.clock import Clock, IdSource
from timserver.config import Settings
from timserver.matrix import errors, x_matrix
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.matrix.signing import SigningKey
from timserver.policy import points
from timserver.policy.facts import FederationCallFacts, FederationList
from timserver.remote.discovery import Discovery, Route
from timserver.remote.errors import RemoteError, Unreached
from timserver.remote.fetcher import Fetched, Fetcher, Request, Streamed
from timserver.remote.well_known import WellKnown
from timserver.tenancy import Tenant

__all__ = ["DEFAULT", "CallLimits", "FederationClient", "Loopback", "RemoteError", "Unreached"]

_ERROR_BYTES_MAX = 65_536
_OPEN_BYTES_MAX = 262_144
_ERROR_TEXT_MAX = 200
_CHUNK_BYTES = 65_536

Answer = TypeVar("Answer")


class CallLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one request; None: what the settings say."""

    bytes_max: int | None = None
    timeout_s: float | None = None


DEFAULT = CallLimits()


class Loopback(Protocol):
    """The way to tenants of this deployment, without HTTP."""

    async def hosts(self, server_name: ServerName) -> bool:
        """Is it one of ours?"""
        ...

    async def request(
        self,
        origin: Tenant,
        destination: ServerName,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        content: JsonObject | None,
    ) -> bytes:
        """As `FederationClient.request`. Raises RemoteError alike."""
        ...

    def stream(
        self, origin: Tenant, destination: ServerName, path: str, query: Sequence[tuple[str, str]]
    ) -> AbstractAsyncContextManager[Streamed]:
        """As `FederationClient.stream`. Raises RemoteError alike."""
        ...


class _Bounds(TypedDict):
    bytes_max: int
    timeout_s: float


class _ErrorBody(msgspec.Struct, frozen=True):
    errcode: str | None = None
    error: str | None = None
    retry_after_ms: int | None = None


class FederationClient:
    """One per process, for all tenants; `signing_key_of`, `federation_list` and `loopback` are set by `app`."""

    signing_key_of: Callable[[Tenant], Awaitable[SigningKey]]
    federation_list: Callable[[], FederationList]
    loopback: Loopback | None = None

    def __init__(
        self,
        fetcher: Fetcher,
        clock: Clock,
        ids: IdSource,
        settings: Settings,
        discovery: Discovery | None = None,
    ) -> None:
        self.fetcher = fetcher
        self.discovery = discovery or Discovery(WellKnown(fetcher, clock), fetcher.resolver, ids)
        self._timeout_s = settings.federation.request_s_max
        self._bytes_max = settings.limits.federation_answer_bytes_max

    async def request(
        self,
        tenant: Tenant,
        destination: ServerName,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: JsonObject | None = None,
        limits: CallLimits = DEFAULT,
    ) -> bytes:
        """The JSON bytes that the other server answers with. `path` is percent-encoded already. Raises RemoteError."""
        self._check_policy(tenant, destination)
        if self.loopback is not None and await self.loopback.hosts(destination):
            return await self.loopback.request(tenant, destination, method, path, query, content)
        bounds = self._bounds(limits)
        ways = await self._ways(tenant, destination, method, uri_of(path, query), content)

        async def fetch(request: Request) -> Fetched:
            return await self.fetcher.fetch(request, **bounds)

        answer = await _reached(ways, fetch)
        if answer.status != 200:
            raise refusal(answer)
        return answer.body

    @asynccontextmanager
    async def request_in_chunks(
        self,
        tenant: Tenant,
        destination: ServerName,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: JsonObject | None = None,
        limits: CallLimits = DEFAULT,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """As `request`, but the bytes are given while they arrive. Raises RemoteError, also while they are read."""
        self._check_policy(tenant, destination)
        if self.loopback is not None and await self.loopback.hosts(destination):
            yield _chunks_of(await self.loopback.request(tenant, destination, method, path, query, content))
            return
        bounds = self._bounds(limits)
        ways = await self._ways(tenant, destination, method, uri_of(path, query), content)
        async with AsyncExitStack() as stack:

            async def fetch(request: Request) -> Streamed:
                return await stack.enter_async_context(self.fetcher.fetch_in_chunks(request, **bounds))

            answer = await _reached(ways, fetch)
            if answer.status != 200:
                raise await _refusal_of_stream(answer)
            yield answer.chunks

    async def get_unsigned(self, route: Route, path: str) -> Fetched:
        """Any answer to an unsigned GET of what is open to everybody, at a route. No policy: the caller has asked it, or
        the route leads to a tenant's own name (`federation check`).
        """
        request = _request(route, route.places[0], "GET", path, {}, None)
        return await self.fetcher.fetch(request, bytes_max=_OPEN_BYTES_MAX, timeout_s=self._timeout_s)

    @asynccontextmanager
    async def stream(
        self,
        tenant: Tenant,
        destination: ServerName,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        idle_s: float,
    ) -> AsyncIterator[Streamed]:
        """A signed GET whose body is read by the caller, who counts its bytes (media)."""
        self._check_policy(tenant, destination)
        if self.loopback is not None and await self.loopback.hosts(destination):
            async with self.loopback.stream(tenant, destination, path, query) as answer:
                yield answer
                return
        uri = uri_of(path, query)
        headers = await self._headers(tenant, destination, "GET", uri, None)
        route = await self.discovery.route(destination)
        request = _request(route, route.places[0], "GET", uri, headers, None)
        async with self.fetcher.stream(request, idle_s=idle_s) as answer:
            if answer.status != 200:
                raise await _refusal_of_stream(answer)
            yield answer

    @asynccontextmanager
    async def follow(self, tenant: Tenant, url: str, *, idle_s: float) -> AsyncIterator[Streamed]:
        """Where another server's answer says that the file is: https only, nothing signed, and no further. Policy judges
        the host like a server.
        """
        target = located(url)
        self._check_policy(tenant, ServerName(target.host or ""))
        async with self.fetcher.stream(Request(url=str(target)), idle_s=idle_s) as answer:
            if answer.status != 200:
                raise await _refusal_of_stream(answer)
            yield answer

    def _bounds(self, limits: CallLimits) -> _Bounds:
        return {
            "bytes_max": limits.bytes_max or self._bytes_max,
            "timeout_s": limits.timeout_s or self._timeout_s,
        }

    async def _ways(
        self, tenant: Tenant, destination: ServerName, method: str, uri: str, content: JsonObject | None
    ) -> list[Request]:
        """The signed request, for each place where the server may be, in the order of trying."""
        body = None if content is None else encode(content)
        headers = await self._headers(tenant, destination, method, uri, body)
        route = await self.discovery.route(destination)
        assert route.places
        return [_request(route, place, method, uri, headers, body) for place in route.places]

    def _check_policy(self, tenant: Tenant, destination: ServerName) -> None:
        if destination == tenant.server_name:
            raise RemoteError("this is ourselves", denied=True)
        facts = FederationCallFacts(tenant=tenant, federation=self.federation_list(), destination=destination)
        try:
            points.check(points.ON_FEDERATION_CALL, facts)
        except errors.MatrixError as error:
            raise RemoteError(str(error), denied=True) from error

    async def _headers(
        self, tenant: Tenant, destination: ServerName, method: str, uri: str, body: bytes | None
    ) -> dict[str, str]:
        key = await self.signing_key_of(tenant)
        authorization = x_matrix.authorization(
            key, tenant.server_name, destination, method=method, uri=uri, content=body
        )
        headers = {"Authorization": authorization}
        return headers if body is None else {**headers, "Content-Type": "application/json"}


async def _reached(ways: Sequence[Request], fetch: Callable[[Request], Awaitable[Answer]]) -> Answer:
    """The answer of the first place where there is somebody. Raises RemoteError."""
    for request in ways[:-1]:
        try:
            return await fetch(request)
        except Unreached:
            continue
    return await fetch(ways[-1])


async def _chunks_of(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _CHUNK_BYTES):
        yield body[start : start + _CHUNK_BYTES]


def located(url: str) -> URL:
    """An absolute https URL without user and fragment. Raises RemoteError."""
    try:
        parsed = URL(url)
    except ValueError as error:
        raise RemoteError("a malformed URL") from error
    if parsed.scheme != "https" or not parsed.host:
        raise RemoteError("a URL that may not be followed")
    return parsed.with_user(None).with_fragment(None)


def uri_of(path: str, query: Sequence[tuple[str, str]]) -> str:
    """Path and query as they are sent and signed."""
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path


def encode(content: JsonObject) -> bytes:
    """A body as canonical JSON. Raises RemoteError for what cannot be sent."""
    try:
        return core.canonical_body(msgspec.json.encode(content))
    except (errors.BadJson, ValueError, TypeError, RecursionError) as error:
        raise RemoteError(f"content cannot be sent: {error}") from error


def _request(
    route: Route,
    place: tuple[str, int],
    method: str,
    uri: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> Request:
    host, port = place
    netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Request(
        method=method,
        url=f"https://{netloc}{uri}",
        headers={"Host": route.host_header, **headers},
        body=body,
        tls_name=route.tls_name,
    )


def refusal(answer: Fetched) -> RemoteError:
    """An answer that is not 200, as an error."""
    try:
        body = msgspec.json.decode(answer.body, type=_ErrorBody)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        body = _ErrorBody()
    return RemoteError(
        (body.error or "no Matrix error")[:_ERROR_TEXT_MAX],
        status=answer.status,
        errcode=body.errcode,
        transient=answer.status >= 500 or answer.status in {408, 429},
        retry_after_ms=body.retry_after_ms,
    )


async def _refusal_of_stream(answer: Streamed) -> RemoteError:
    body = b""
    async for chunk in answer.chunks:
        body += chunk
        if len(body) > _ERROR_BYTES_MAX:
            break
    return refusal(Fetched(status=answer.status, headers=answer.headers, body=body))
