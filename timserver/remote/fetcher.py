"""The one fetcher: nothing else in the program opens an outgoing connection (RELIABILITY O1, O2, S6).

- The address is judged where the socket is made, so no spelling, no DNS answer and no redirect gets round it.
- Bytes are counted after inflation, time over all redirects; both end the request, not the program.
- No cookies, no proxies from the environment, TLS 1.2 at least, one pool of kept-alive connections for all tenants.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib.metadata import version
from typing import Final

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from timserver.config import Settings
from timserver.remote.addresses import AddressWall
from timserver.remote.dns import Resolver
from timserver.remote.errors import RemoteError, Unreached

USER_AGENT: Final = f"timserver/{version('timserver')}"
_CHUNK_BYTES: Final = 65_536
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class BlockedAddress(OSError):
    """No socket to there. Its text is the same for all addresses: several become one error."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "the address is blocked for outgoing requests")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. The URL is encoded already. `tls_name`: whose certificate is wanted, if not the URL's host."""

    method: str = "GET"
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    tls_name: str | None = None


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    """Where the last redirect led."""


class Streamed(msgspec.Struct, frozen=True, kw_only=True):
    """An answer whose body has not been read; nobody has counted its bytes."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class Fetcher:
    """One per process; made by `open_fetcher`."""

    def __init__(self, session: aiohttp.ClientSession, resolver: Resolver, connect_s: float) -> None:
        self._session = session
        self.resolver = resolver
        self._connect_s = connect_s

    async def fetch(
        self,
        request: Request,
        *,
        bytes_max: int,
        timeout_s: float,
        redirects_max: int = 0,
        cut: bool = False,
    ) -> Fetched:
        """The answer, after at most `redirects_max` redirects; with `cut` only the beginning of one that is longer than
        `bytes_max`. Raises RemoteError.
        """
        try:
            async with asyncio.timeout(timeout_s):
                for _ in range(redirects_max + 1):
                    async with self.stream(request, idle_s=timeout_s) as answer:
                        target = answer.headers.get("Location")
                        if redirects_max == 0 or answer.status not in _REDIRECTS or target is None:
                            body = await _read(answer, bytes_max, cut=cut)
                            return Fetched(
                                status=answer.status, headers=answer.headers, body=body, url=request.url
                            )
                    request = _redirected(request, target)
        except TimeoutError:
            raise RemoteError("no answer in time", transient=True) from None
        raise RemoteError("too many redirects")

    @asynccontextmanager
    async def fetch_in_chunks(
        self, request: Request, *, bytes_max: int, timeout_s: float
    ) -> AsyncIterator[Streamed]:
        """As `fetch` without redirects, but the reader gets the body while it arrives. Bytes are counted, and the time that
        the other server takes, not the reader's. Raises RemoteError, also while the body is read.
        """
        began_s = _now_s()
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(timeout_s):
                    answer = await stack.enter_async_context(self.stream(request, idle_s=timeout_s))
            except TimeoutError:
                raise RemoteError("no answer in time", transient=True) from None
            chunks = _timed(_counted(answer, bytes_max), timeout_s - (_now_s() - began_s))
            yield msgspec.structs.replace(answer, chunks=chunks)

    @asynccontextmanager
    async def stream(self, request: Request, *, idle_s: float) -> AsyncIterator[Streamed]:
        """One answer, body unread, no redirect followed. The reader counts bytes and time. Raises RemoteError."""
        timeout = aiohttp.ClientTimeout(
            total=None, connect=2 * self._connect_s, sock_connect=self._connect_s, sock_read=idle_s
        )
        with _translated():
            response = await self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                server_hostname=request.tls_name,
                allow_redirects=False,
                timeout=timeout,
            )
        try:
            yield Streamed(status=response.status, headers=response.headers, chunks=_chunks(response))
        finally:
            response.release() if response.content.at_eof() else response.close()


@asynccontextmanager
async def open_fetcher(settings: Settings) -> AsyncIterator[Fetcher]:
    """The fetcher that these settings ask for."""
    federation = settings.federation
    wall = AddressWall(settings.blocked_networks, federation.allowed_networks, federation.egress_networks)
    resolver = Resolver(federation.nameservers)
    connector = aiohttp.TCPConnector(
        ssl=_tls(settings),
        resolver=_unowned(resolver),
        ttl_dns_cache=30,
        limit=federation.connections_max,
        limit_per_host=federation.connections_per_host_max,
        keepalive_timeout=federation.keepalive_s,
        socket_factory=_socket_factory(wall),
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
    )
    try:
        yield Fetcher(session, resolver, federation.connect_s_max)
    finally:
        await session.close()
        await resolver.close()


def _unowned(resolver: Resolver) -> AbstractResolver:
    return resolver


def _socket_factory(wall: AddressWall) -> aiohttp.SocketFactoryType:
    def make(info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not wall.may_reach(str(address[0])):
            raise BlockedAddress
        return socket.socket(family, kind, protocol)

    return make


def _tls(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in settings.extra_ca_files:
        context.load_verify_locations(path)
    if not settings.federation.verify_certificates:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _redirected(request: Request, target: str) -> Request:
    """The request to where a redirect points: https only, and nothing of ours but the question is taken there."""
    try:
        url = URL(request.url, encoded=True).join(URL(target))
    except ValueError as error:
        raise RemoteError("redirect to a malformed URL") from error
    if url.scheme != "https" or not url.host or request.method not in {"GET", "HEAD"}:
        raise RemoteError("redirect that may not be followed")
    return Request(method=request.method, url=str(url.with_user(None).with_fragment(None)))


async def _read(answer: Streamed, bytes_max: int, *, cut: bool) -> bytes:
    if not cut:
        return b"".join([chunk async for chunk in _counted(answer, bytes_max)])
    body = bytearray()
    async for chunk in answer.chunks:
        body += chunk
        if len(body) > bytes_max:
            break
    return bytes(body[:bytes_max])


async def _counted(answer: Streamed, bytes_max: int) -> AsyncIterator[bytes]:
    """The body. Raises RemoteError as soon as it is too long."""
    too_long = RemoteError(f"answer of more than {bytes_max} bytes", status=answer.status)
    if int(answer.headers.get("Content-Length", "0")) > bytes_max:
        raise too_long
    size = 0
    async for chunk in answer.chunks:
        size += len(chunk)
        if size > bytes_max:
            raise too_long
        yield chunk


async def _timed(chunks: AsyncIterator[bytes], timeout_s: float) -> AsyncIterator[bytes]:
    """The time in which nobody asks for a chunk does not count."""
    while True:
        began_s = _now_s()
        try:
            async with asyncio.timeout(timeout_s):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise RemoteError("no answer in time", transient=True) from None
        timeout_s -= _now_s() - began_s
        yield chunk


def _now_s() -> float:
    return asyncio.get_running_loop().time()


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    with _translated():
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            yield chunk


@contextmanager
def _translated() -> Iterator[None]:
    """From aiohttp's errors to ours."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        blocked = isinstance(error.os_error, BlockedAddress)
        raise Unreached(str(error), transient=not blocked, denied=blocked) from error
    except ValueError as error:
        raise Unreached(f"no address: {error}") from error
    except aiohttp.ConnectionTimeoutError as error:
        raise Unreached("no connection in time", transient=True) from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise RemoteError(f"{type(error).__name__}: {error}", transient=True) from error
