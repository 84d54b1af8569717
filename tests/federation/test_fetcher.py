"""RELIABILITY O1, O2, S6: what leaves us, and what comes back. Real: sockets, TLS, DNS. Fake: the world outside.

A trap listens on every loopback address: whatever spelling leads there, it must see no connection.
"""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.support.dns_records import DnsRecords, dns_records
from tests.support.homeserver import settings_for
from tests.support.remote_server import Authority, Received, RemoteServer, remote_server
from timserver.config import Federation
from timserver.remote.addresses import AddressWall
from timserver.remote.errors import RemoteError, Unreached
from timserver.remote.fetcher import Fetched, Fetcher, Request, open_fetcher

TEN_S = 10.0


class Trap:
    """Counts who gets in."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connections = 0


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    bound = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    trap = Trap(bound.getsockname()[1])

    def caught(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trap.connections += 1
        writer.close()

    server = await asyncio.start_server(caught, sock=bound)
    yield trap
    server.close()


@pytest.fixture
async def names() -> AsyncIterator[DnsRecords]:
    async with dns_records() as server:
        server.has("loop.test", "127.0.0.1")
        server.has("loop6.test", "::1")
        server.has("mapped.test", "::ffff:127.0.0.1")
        server.has("many.test", "127.0.0.1", "10.0.0.1", "::1", "fe80::1")
        server.has("private.test", "10.1.2.3")
        server.has("metadata.test", "169.254.169.254")
        server.is_alias("chain.test", "chain2.test")
        server.is_alias("chain2.test", "chain3.test")
        server.is_alias("chain3.test", "loop.test")
        server.rebinds("rebind.test", "127.0.0.2", "127.0.0.1")
        server.has("xn--lp-eka.test", "127.0.0.1")
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@asynccontextmanager
async def fetcher_with(authority: Authority, **federation: Any) -> AsyncIterator[Fetcher]:
    settings = settings_for(
        "postgresql://unused", extra_ca_files=(authority.file,), federation=Federation(**federation)
    )
    async with open_fetcher(settings) as fetcher:
        yield fetcher


@pytest.fixture
async def strict(authority: Authority, names: DnsRecords) -> AsyncIterator[Fetcher]:
    """The block list of production."""
    async with fetcher_with(authority, nameservers=(names.address,)) as fetcher:
        yield fetcher


@pytest.fixture
async def lenient(authority: Authority) -> AsyncIterator[Fetcher]:
    """May reach 127.0.0.1, and nothing else of loopback."""
    async with fetcher_with(authority, allowed_networks=("127.0.0.1/32",)) as fetcher:
        yield fetcher


async def get(fetcher: Fetcher, url: str, **options: Any) -> Fetched:
    return await fetcher.fetch(Request(url=url), **{"bytes_max": 10_000, "timeout_s": TEN_S, **options})


SPELLINGS = [
    # plain
    "127.0.0.1", "127.1.2.3", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    # as numbers: decimal, octal, hexadecimal, short, padded
    "2130706433", "017700000001", "0x7f000001", "0x7f.1", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "0",
    "00000177.00.00.01", "127.000.000.001", "0x7F.0x0.0x0.0x1", "3232235777", "2852039166",
    # IPv6
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[fe80::1]", "[fec0::1]",
    "[fc00::1]", "[fd12:3456:789a::1]", "[ff02::1]", "[2001:db8::1]", "[::1%25lo]", "[fe80::1%25lo]",
    # IPv4 within IPv6: mapped, compatible, translated (NAT64), 6to4, Teredo, ISATAP
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]",
    "[::7f00:1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a00:1]", "[64:ff9b:1::127.0.0.1]", "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]", "[2001:0:7f00:1::80ff:fffe]", "[2001:0:1:2:3:4:80ff:fffe]", "[2a00::5efe:127.0.0.1]",
    # names
    "localhost", "localhost.", "LOCALHOST", "LocalHost.", "loop.test", "loop.test.", "LOOP.test", "loop6.test",
    "mapped.test", "many.test", "private.test", "metadata.test", "chain.test", "rebind.test", "xn--lp-eka.test",
    "löp.test", "foo.localhost", "no-such-name.test",
    # digits and dots that are none
    "１２７.０.０.１", "127。0。0。1", "127.0.0.1.", "①②⑦.⓪.⓪.①",
]  # fmt: skip

assert len(SPELLINGS) >= 60


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_a_forbidden_address_is_connected_to(
    strict: Fetcher, trap: Trap, host: str
) -> None:
    for _ in range(3):
        with pytest.raises(RemoteError):
            await get(strict, f"https://{host}:{trap.port}/_matrix/key/v2/server")
    await asyncio.sleep(0)
    assert trap.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "loop.test", "chain.test", "[::1]", "many.test"])
async def test_the_trap_would_have_seen_it(
    authority: Authority, names: DnsRecords, trap: Trap, host: str
) -> None:
    allowed = ("127.0.0.0/8", "::1/128")
    async with fetcher_with(authority, nameservers=(names.address,), allowed_networks=allowed) as open_door:
        with pytest.raises(RemoteError):
            await get(open_door, f"https://{host}:{trap.port}/")
    assert trap.connections > 0


async def test_only_the_egress_networks_are_reached_when_there_are_some(
    authority: Authority, trap: Trap
) -> None:
    networks = {"allowed_networks": ("127.0.0.0/8",), "egress_networks": ("192.0.2.0/24",)}
    async with fetcher_with(authority, **networks) as fetcher:
        with pytest.raises(Unreached) as caught:
            await get(fetcher, f"https://127.0.0.1:{trap.port}/")
    assert caught.value.denied
    assert trap.connections == 0


def test_the_wall_looks_into_addresses() -> None:
    wall = AddressWall(["10.0.0.0/8"], allowed=["10.9.0.0/16", "fd00::/8"], only=())
    reached = ["9.9.9.9", "10.9.1.1", "2a00::1", "2002:909:909::1", "fd00::1"]
    not_reached = ["10.1.1.1", "::ffff:10.1.1.1", "2002:a01:101::1", "64:ff9b::a01:101", "x", "", "10.1"]
    assert [wall.may_reach(text) for text in reached + not_reached] == [True] * 5 + [False] * 7
    only = AddressWall([], only=["9.9.9.0/24"])
    assert [only.may_reach(text) for text in ("9.9.9.1", "9.9.8.1", "::1")] == [True, False, False]


@pytest.fixture
async def remote(authority: Authority) -> AsyncIterator[RemoteServer]:
    async with remote_server(authority, host="127.0.0.1") as server:
        yield server


def redirect(remote: RemoteServer, path: str, location: str, status: int = 302) -> None:
    remote.answers("GET", path, {}, status, {"Location": location})


REDIRECTS = [
    "https://127.0.0.2:{trap}/", "https://localhost.:{trap}/", "https://[::1]:{trap}/", "https://[::ffff:127.0.0.2]:{trap}/",
    "//127.0.0.2:{trap}/", "https://2130706434:{trap}/", "https://0x7f000002:{trap}/", "https://user:pw@127.0.0.2:{trap}/",
    "http://127.0.0.1:{trap}/", "http://127.0.0.2:{trap}/", "ftp://127.0.0.1:{trap}/", "file:///etc/passwd",
    "javascript:1", "https://[/", "https://a b/", "https://127.0.0.2:99999/", "gopher://127.0.0.2:{trap}/_x",
]  # fmt: skip


@pytest.mark.parametrize("status", [301, 308])
@pytest.mark.parametrize("location", REDIRECTS)
async def test_no_redirect_leads_behind_the_wall(
    lenient: Fetcher, remote: RemoteServer, trap: Trap, location: str, status: int
) -> None:
    redirect(remote, "/", location.format(trap=trap.port), status)
    with pytest.raises(RemoteError):
        await get(lenient, f"https://{remote.server_name}/", redirects_max=5)
    assert trap.connections == 0
    assert len(remote.requests) == 1


async def test_redirects_are_followed_so_far_and_no_farther(lenient: Fetcher, remote: RemoteServer) -> None:
    redirect(remote, "/0", "/1")
    redirect(remote, "/1", f"https://{remote.server_name}/2?q=1", 307)
    remote.answers("GET", "/2", {"found": True})
    url = f"https://{remote.server_name}/0"
    assert (await get(lenient, url, redirects_max=2)).body == b'{"found": true}'
    with pytest.raises(RemoteError, match="too many redirects"):
        await get(lenient, url, redirects_max=1)
    assert (await get(lenient, url)).status == 302
    redirect(remote, "/loop", "/loop")
    before = len(remote.requests)
    with pytest.raises(RemoteError, match="too many redirects"):
        await get(lenient, f"https://{remote.server_name}/loop", redirects_max=5)
    assert len(remote.requests) == before + 6


async def test_a_redirect_takes_nothing_of_ours_along(lenient: Fetcher, remote: RemoteServer) -> None:
    redirect(remote, "/0", "/1")
    remote.answers("GET", "/1", {}, headers={"Set-Cookie": "a=b; Path=/"})
    request = Request(url=f"https://{remote.server_name}/0", headers={"Authorization": "secret", "Host": "x"})
    await lenient.fetch(request, bytes_max=100, timeout_s=TEN_S, redirects_max=1)
    await get(lenient, f"https://{remote.server_name}/1")
    assert [received.headers.get("Authorization") for received in remote.requests] == ["secret", None, None]
    assert [received.headers["Host"] for received in remote.requests][1:] == [remote.server_name] * 2
    assert not any("Cookie" in received.headers for received in remote.requests)
    put = Request(method="PUT", url=f"https://{remote.server_name}/3", body=b"{}")
    remote.answers("PUT", "/3", {}, 307, {"Location": "/1"})
    with pytest.raises(RemoteError, match="may not be followed"):
        await lenient.fetch(put, bytes_max=100, timeout_s=TEN_S, redirects_max=1)


@pytest.mark.parametrize("said", [True, False], ids=["with a length", "chunked"])
async def test_o2_an_answer_ends_at_its_limit(lenient: Fetcher, remote: RemoteServer, said: bool) -> None:
    sent = 0

    async def endless(_: Received) -> web.StreamResponse:
        if said:
            return web.Response(body=b"x" * 20_000)

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal sent
            while sent < 100_000_000:
                sent += 10_000
                yield b"x" * 10_000

        return web.Response(body=chunks())

    remote.answers_by("GET", "/", endless)
    with pytest.raises(RemoteError, match="answer of more than 10000 bytes"):
        await get(lenient, f"https://{remote.server_name}/")
    assert sent < 50_000_000


async def test_o2_bytes_are_counted_after_inflation(lenient: Fetcher, remote: RemoteServer) -> None:
    bomb = gzip.compress(b"\0" * 300_000_000)
    assert len(bomb) < 400_000

    async def explode(_: Received) -> web.StreamResponse:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    remote.answers_by("GET", "/", explode)
    began = asyncio.get_running_loop().time()
    with pytest.raises(RemoteError, match="answer of more than 1000000 bytes"):
        await get(lenient, f"https://{remote.server_name}/", bytes_max=1_000_000)
    assert asyncio.get_running_loop().time() - began < 2
    remote.answers("GET", "/small", gzip.compress(b'{"a":1}'), headers={"Content-Encoding": "gzip"})
    assert (await get(lenient, f"https://{remote.server_name}/small")).body == b'{"a":1}'


async def test_o2_time_is_counted_over_all(lenient: Fetcher, remote: RemoteServer) -> None:
    async def drip(_: Received) -> web.StreamResponse:
        async def chunks() -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                await asyncio.sleep(0.02)

        return web.Response(body=chunks())

    async def slow_redirect(_: Received) -> web.StreamResponse:
        await asyncio.sleep(0.1)
        return web.Response(status=302, headers={"Location": "/redirect"})

    remote.answers_by("GET", "/drip", drip)
    remote.answers_by("GET", "/redirect", slow_redirect)
    for path in ("/drip", "/redirect"):
        with pytest.raises(RemoteError, match="no answer in time") as caught:
            await get(lenient, f"https://{remote.server_name}{path}", timeout_s=0.5, redirects_max=100)
        assert caught.value.transient


async def test_a_server_that_is_silent_at_once_is_given_up(lenient: Fetcher) -> None:
    bound = socket.create_server(("127.0.0.1", 0))
    port = bound.getsockname()[1]
    with pytest.raises(RemoteError) as caught:
        await get(lenient, f"https://127.0.0.1:{port}/", timeout_s=0.3)
    assert caught.value.transient
    bound.close()
    with pytest.raises(Unreached) as refused:
        await get(lenient, f"https://127.0.0.1:{port}/")
    assert refused.value.transient
    assert not refused.value.denied


@pytest.mark.parametrize(
    "junk", [b"junk\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000]
)  # fmt: skip
async def test_junk_is_an_error_of_theirs(lenient: Fetcher, authority: Authority, junk: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(junk)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.context("127.0.0.1"))
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(RemoteError):
        await get(lenient, f"https://127.0.0.1:{port}/")
    server.close()


async def test_connections_are_kept_and_shared(lenient: Fetcher, remote: RemoteServer) -> None:
    for _ in range(5):
        await get(lenient, f"https://{remote.server_name}/_matrix/key/v2/server")
    assert remote.connections == 1


async def test_a_certificate_must_be_right(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    async with (
        fetcher_with(authority, allowed_networks=("127.0.0.1/32",)) as fetcher,
        remote_server(authority, host="127.0.0.1", certified=("other.example",)) as wrong_name,
        remote_server(stranger, host="127.0.0.1") as wrong_authority,
        remote_server(authority, host="127.0.0.1", certified=("named.example",)) as named,
    ):
        for server in (wrong_name, wrong_authority):
            with pytest.raises(Unreached, match="certificate"):
                await get(fetcher, f"https://{server.server_name}/")
            assert not server.requests
        request = Request(url=f"https://{named.server_name}/", tls_name="named.example")
        answer = await fetcher.fetch(request, bytes_max=1000, timeout_s=TEN_S)
        assert answer.status == 404
        with pytest.raises(Unreached, match="certificate"):
            await get(fetcher, f"https://{named.server_name}/")
    async with (
        fetcher_with(authority, allowed_networks=("127.0.0.1/32",), verify_certificates=False) as careless,
        remote_server(stranger, host="127.0.0.1") as anybody,
    ):
        assert (await get(careless, f"https://{anybody.server_name}/")).status == 404
