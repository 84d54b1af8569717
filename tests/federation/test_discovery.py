"""The six steps from a server name to a server. Real: DNS, TLS, HTTP. Fake: the world outside, the clock.

`site` stands for port 443 of every name, `target` for port 8448: a request says which name its certificate must have.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.support.dns_records import SRV, DnsRecords, dns_records
from tests.support.homeserver import settings_for
from tests.support.remote_context import LOOPBACK
from tests.support.remote_server import Authority, Received, RemoteServer, remote_server
from timserver.clock import SystemIds
from timserver.config import Federation
from timserver.matrix import signing
from timserver.matrix.ids import ServerName
from timserver.policy.facts import FederationList
from timserver.remote.client import FederationClient
from timserver.remote.discovery import Discovery, Route
from timserver.remote.errors import RemoteError, Unreached
from timserver.remote.fetcher import Fetcher, open_fetcher
from timserver.remote.well_known import WellKnown, life_s
from timserver.tenancy import Tenant, TenantSettings, Variant

DOCUMENT = "/.well-known/matrix/server"
HOUR_S = 3600.0
HERE = Tenant(
    tenant_id=1,
    server_name=ServerName("here.example"),
    variant=Variant.OFF,
    tim_version="1.2",
    settings=TenantSettings(),
)


class HandClock:
    """Stands still until it is set forward."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic_s(self) -> float:
        return self.seconds


class World:
    """Our side, and everything it may find."""

    def __init__(
        self,
        fetcher: Fetcher,
        dns: DnsRecords,
        site: RemoteServer,
        target: RemoteServer,
        client: FederationClient,
    ) -> None:
        self.fetcher, self.dns, self.site, self.target, self.client = fetcher, dns, site, target, client
        self.clock = HandClock()
        self.discovery = Discovery(
            WellKnown(fetcher, self.clock, site.port), fetcher.resolver, SystemIds(), default_port=target.port
        )
        client.discovery = self.discovery

    def delegates(self, server: Any, headers: dict[str, str] | None = None) -> None:
        self.site.answers("GET", DOCUMENT, {"m.server": server}, headers=headers)

    async def route(self, server_name: str) -> Route:
        return await self.discovery.route(ServerName(server_name))

    async def reaches(self, server_name: str) -> Received:
        """A signed request arrives; what the target saw of it."""
        await self.client.request(HERE, ServerName(server_name), "GET", "/_matrix/key/v2/server")
        return self.target.requests[-1]

    @property
    def documents_asked(self) -> int:
        return len(self.site.asked(DOCUMENT))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


async def key_of(_: Tenant) -> signing.SigningKey:
    return signing.make_signing_key("ed25519:here", bytes(range(32)))


CERTIFIED = ("a.test", "b.test", "127.0.0.1", "::1")


@pytest.fixture
async def world(authority: Authority) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        dns = await stack.enter_async_context(dns_records())
        for name in ("a.test", "b.test", "srv.test"):
            dns.has(name, "127.0.0.1")
        site = await stack.enter_async_context(remote_server(authority, certified=("a.test", "c.test")))
        target = await stack.enter_async_context(remote_server(authority, certified=CERTIFIED))
        settings = settings_for(
            "postgresql://unused",
            extra_ca_files=(authority.file,),
            federation=Federation(allowed_networks=LOOPBACK, nameservers=(dns.address,)),
        )
        fetcher = await stack.enter_async_context(open_fetcher(settings))
        clock, ids = HandClock(), SystemIds()
        client = FederationClient(fetcher, clock, ids, settings)
        client.signing_key_of = key_of
        client.federation_list = lambda: FederationList(frozenset())
        yield World(fetcher, dns, site, target, client)


async def test_1_an_address_is_where_it_says(world: World) -> None:
    port = world.target.port
    route = await world.route("127.0.0.1:5")
    assert (route.step, route.places, route.host_header) == ("1", (("127.0.0.1", 5),), "127.0.0.1:5")
    route = await world.route("[::1]")
    assert (route.places, route.host_header, route.tls_name) == ((("::1", port),), "[::1]", "::1")
    assert (await world.reaches("127.0.0.1")).headers["Host"] == "127.0.0.1"
    assert not world.site.requests


async def test_2_a_port_in_the_name_is_the_port(world: World) -> None:
    server_name = f"a.test:{world.target.port}"
    assert (await world.route(server_name)).step == "2"
    assert (await world.reaches(server_name)).headers["Host"] == server_name
    assert not world.site.requests
    assert not any(kind == SRV for _, kind in world.dns.asked)


async def test_3_1_the_document_names_an_address(world: World) -> None:
    world.delegates("127.0.0.1")
    assert (await world.route("a.test")).step == "3.1"
    assert (await world.reaches("a.test")).headers["Host"] == "127.0.0.1"
    world.clock.seconds += 25 * HOUR_S
    world.delegates(f"127.0.0.1:{world.target.port}")
    assert (await world.reaches("a.test")).headers["Host"] == f"127.0.0.1:{world.target.port}"


async def test_3_2_the_document_names_a_port(world: World) -> None:
    delegated = f"b.test:{world.target.port}"
    world.delegates(delegated)
    route = await world.route("a.test")
    assert (route.step, route.tls_name, route.host_header) == ("3.2", "b.test", delegated)
    received = await world.reaches("a.test")
    assert received.headers["Host"] == delegated
    assert 'destination="a.test"' in received.headers["Authorization"], (
        "signed for the name before delegation"
    )
    assert not any(kind == SRV for _, kind in world.dns.asked)


@pytest.mark.parametrize(("service", "step"), [("_matrix-fed", "3.3"), ("_matrix", "3.4")])
async def test_3_3_the_document_names_a_host_with_srv(world: World, service: str, step: str) -> None:
    world.delegates("b.test")
    world.dns.serves(f"{service}._tcp.b.test", (1, 1, world.target.port, "srv.test"))
    route = await world.route("a.test")
    assert (route.step, route.tls_name) == (step, "b.test"), "not the name that DNS gave"
    assert route.places == (("srv.test", world.target.port),)
    assert (await world.reaches("a.test")).headers["Host"] == "b.test"


async def test_3_5_the_document_names_a_host_without_srv(world: World) -> None:
    world.delegates("b.test")
    assert (await world.route("a.test")).step == "3.5"
    assert (await world.reaches("a.test")).headers["Host"] == "b.test"
    assert world.documents_asked == 1, "no document of the delegated host"


@pytest.mark.parametrize(("service", "step"), [("_matrix-fed", "4"), ("_matrix", "5")])
async def test_4_5_without_a_document_srv_counts(world: World, service: str, step: str) -> None:
    world.dns.serves(f"{service}._tcp.a.test", (1, 1, world.target.port, "srv.test"))
    assert (await world.route("a.test")).step == step
    assert (await world.reaches("a.test")).headers["Host"] == "a.test"


async def test_6_without_anything_it_is_port_8448(world: World) -> None:
    assert (await world.route("a.test")).step == "6"
    assert (await world.reaches("a.test")).headers["Host"] == "a.test"


MALFORMED: list[Any] = [
    b"", b"{", b"[]", b"null", b'"x"', {}, {"server": "b.test"}, {"m.server": 1}, {"m.server": None}, {"m.server": ""},
    {"m.server": "b.test/x"}, {"m.server": "http://b.test"}, {"m.server": "b.test:x"}, {"m.server": "a b"},
    b'{"m.server":"b.test","x":"' + b"x" * 60_000 + b'"}', b'{"a":' * 20_000, b'{"m.server":"\xff"}',
]  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: repr(body)[:30])
async def test_a_malformed_document_is_none(world: World, body: Any) -> None:
    world.site.answers("GET", DOCUMENT, body)
    assert (await world.route("a.test")).step == "6"


async def test_the_document_may_be_elsewhere_behind_redirects(world: World) -> None:
    elsewhere = f"https://c.test:{world.site.port}/doc"
    world.dns.has("c.test", "127.0.0.1")
    world.site.answers("GET", DOCUMENT, {}, 301, {"Location": elsewhere})
    world.site.answers("GET", "/doc", {"m.server": "b.test:1"})
    assert (await world.route("a.test")).step == "3.2"
    world.clock.seconds += 50 * HOUR_S
    world.site.answers("GET", DOCUMENT, {}, 301, {"Location": DOCUMENT})
    assert (await world.route("a.test")).step == "6"
    assert world.documents_asked == 1 + 6


async def test_a_document_is_asked_for_once_a_day(world: World) -> None:
    world.delegates("b.test:1")
    for name in ("a.test", "A.test", "a.TEST"):
        assert (await world.route(name)).step == "3.2"
    world.clock.seconds += 23 * HOUR_S
    await world.route("a.test")
    assert world.documents_asked == 1
    world.clock.seconds += 2 * HOUR_S
    world.delegates("b.test:2")
    assert (await world.route("a.test")).places == (("b.test", 2),)
    assert world.documents_asked == 2


async def test_failures_are_remembered_longer_and_longer_up_to_an_hour(world: World) -> None:
    waits = []
    for _ in range(8):
        await world.route("a.test")
        asked, waited = world.documents_asked, 0
        while world.documents_asked == asked:
            world.clock.seconds += 60
            waited += 1
            await world.route("a.test")
        waits.append(waited)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_a_server_that_is_ill_keeps_its_delegation_for_two_days(world: World) -> None:
    world.delegates("b.test:1")
    await world.route("a.test")
    world.site.answers("GET", DOCUMENT, {}, 503)
    world.clock.seconds += 47 * HOUR_S
    assert (await world.route("a.test")).step == "3.2"
    world.site.answers("GET", DOCUMENT, {}, 404)
    world.clock.seconds += 2 * HOUR_S
    assert (await world.route("a.test")).step == "6", "it says so itself"


@pytest.mark.parametrize(
    ("headers", "life"),
    [
        ({}, 24 * HOUR_S),
        ({"Cache-Control": "max-age=7200"}, 2 * HOUR_S),
        ({"Cache-Control": 'public, Max-Age="7200"'}, 2 * HOUR_S),
        ({"Cache-Control": "max-age=99999999"}, 48 * HOUR_S),
        ({"Cache-Control": "max-age=0"}, 300.0),
        ({"Cache-Control": "no-store"}, 300.0),
        ({"Cache-Control": "max-age=x"}, 24 * HOUR_S),
        ({"Cache-Control": "max-age=-5"}, 24 * HOUR_S),
        ({"Expires": "Thu, 01 Jan 1970 02:00:00 GMT"}, 2 * HOUR_S),
        ({"Expires": "0"}, 300.0),
        ({"Expires": "Thu, 01 Jan 1970 02:00:00 GMT", "Cache-Control": "max-age=3600"}, HOUR_S),
    ],
)
def test_cache_headers_are_respected_within_bounds(headers: dict[str, str], life: float) -> None:
    assert life_s(headers, 0) == life


async def test_srv_goes_by_priority_and_falls_over(world: World) -> None:
    port = world.target.port
    world.dns.serves(
        "_matrix-fed._tcp.a.test",
        (20, 0, port, "srv.test"),
        (10, 9, 1, "x.test"),
        (10, 1, 1, "127-0-0-1.test"),
    )
    route = await world.route("a.test")
    assert {place[0] for place in route.places[:2]} == {"x.test", "127-0-0-1.test"}
    assert route.places[2] == ("srv.test", port)
    assert (await world.reaches("a.test")).headers["Host"] == "a.test"


async def test_heavier_records_come_first_more_often(world: World) -> None:
    world.dns.serves(
        "_matrix-fed._tcp.a.test", (1, 90, 1, "x.test"), (1, 10, 2, "y.test"), (1, 0, 3, "z.test")
    )
    firsts = [(await world.route("a.test")).places[0][1] for _ in range(300)]
    assert firsts.count(1) > 5 * firsts.count(2) > 0
    assert firsts.count(3) < 10


async def test_a_root_target_says_that_there_is_no_server(world: World) -> None:
    world.dns.serves("_matrix-fed._tcp.a.test", (0, 0, 0, "."))
    with pytest.raises(Unreached):
        await world.route("a.test")


async def test_a_certificate_for_the_srv_target_is_not_enough(world: World) -> None:
    world.dns.serves("_matrix-fed._tcp.nobody.test", (1, 1, world.target.port, "a.test"))
    with pytest.raises(Unreached, match="certificate"):
        await world.reaches("nobody.test")
    assert not world.target.requests


@pytest.mark.parametrize(
    "server_name", ["a.test:99999", "a.test:0", "127.0.0.1:65536", ".", "a..test", "-", "999.1.1.1"]
)
async def test_names_that_lead_nowhere_are_errors_of_ours(world: World, server_name: str) -> None:
    with pytest.raises(RemoteError):
        await world.reaches(server_name)


async def test_no_document_is_asked_for_that_policy_forbids(world: World) -> None:
    """Place 8 of tim/REQUIREMENTS 2.5."""
    praxis = Tenant(
        tenant_id=2,
        server_name=ServerName("praxis.example"),
        variant=Variant.PRO,
        tim_version="1.2",
        settings=TenantSettings(),
    )
    with pytest.raises(RemoteError) as caught:
        await world.client.request(praxis, ServerName("a.test"), "GET", "/")
    assert caught.value.denied
    assert not world.dns.asked
    assert not world.site.requests
