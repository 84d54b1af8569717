"""Homeservers, each as a deployment of its own, and the links between them.

Server `i` looks names up at a name server of its own, which says that server `j` is at 127.77.i.j: there listens the
link from `i` to `j`. All have the same port, which is part of their names.
"""

import itertools
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
import asyncpg

from conformance.partitions.link import Link, listening
from tests.support.homeserver import PASSWORD, Homeserver, Person, running, settings_for
from tests.support.name_server import name_server
from tests.support.remote_server import Authority
from timserver.config import Api, Federation, Limits, Listener
from timserver.tenancy import Tenant, TenantSettings
from timserver.usecases.accounts.create_user import create_user
from timserver.usecases.tenants import create_tenant

RETRY_INTERVAL_MS = 200
LIMITS = Limits(poll_interval_ms=100)
REQUEST_S_MAX = 8
GUESTS = 1


@dataclass
class Server:
    """One homeserver with its one tenant, and who lives there."""

    homeserver: Homeserver
    tenant: Tenant
    database: asyncpg.Pool
    anchor: Person
    """Stays in the room with power that nobody can take away, so that the server stays in it."""
    deputy: Person
    guests: list[Person] = field(default_factory=list)

    @property
    def people(self) -> list[Person]:
        """Everybody."""
        return [self.anchor, self.deputy, *self.guests]


@dataclass
class Network:
    """All servers, and the links by (from, to)."""

    servers: list[Server]
    links: dict[tuple[int, int], Link]

    async def heal(self) -> None:
        """Every link works again, and nothing is on its way."""
        for link in self.links.values():
            link.heal()
        for link in self.links.values():
            await link.finish()


def address_of(sender: int, receiver: int) -> str:
    """Where a sender finds a receiver."""
    return f"127.77.{sender + 1}.{receiver + 1}"


def free_port(addresses: Sequence[str]) -> int:
    """A port that is free at all addresses."""
    for _ in range(50):
        with socket.create_server((addresses[0], 0)) as first:
            port: int = first.getsockname()[1]
            if all(_is_free(address, port) for address in addresses[1:]):
                return port
    raise OSError("no port is free at all addresses")


def _is_free(address: str, port: int) -> bool:
    try:
        socket.create_server((address, port)).close()
    except OSError:
        return False
    return True


@asynccontextmanager
async def network(
    database_urls: Sequence[str], folder: Path, random: Random, limits: Limits = LIMITS
) -> AsyncIterator[Network]:
    """As many servers as there are databases, all links working."""
    count = len(database_urls)
    pairs = list(itertools.permutations(range(count), 2))
    port = free_port([address_of(*pair) for pair in pairs])
    authority = Authority(folder)
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(_server(place, count, port, url, authority, limits))
            for place, url in enumerate(database_urls)
        ]
        connector = aiohttp.TCPConnector(limit=0)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=connector, auto_decompress=False)
        )
        context = authority.context("*.example.org")
        links = {}
        for sender, receiver in pairs:
            link = Link(servers[receiver].homeserver.url, Random(random.random()), http)
            address = (address_of(sender, receiver), port)
            await stack.enter_async_context(listening(link, address, context))
            links[sender, receiver] = link
        yield Network(servers, links)
        for link in links.values():
            await link.finish()


@asynccontextmanager
async def _server(
    place: int, count: int, port: int, database_url: str, authority: Authority, limits: Limits
) -> AsyncIterator[Server]:
    addresses = {f"s{other}.example.org": address_of(place, other) for other in range(count)}
    async with AsyncExitStack() as stack:
        names = await stack.enter_async_context(name_server(addresses))
        settings = settings_for(
            database_url,
            listeners=(Listener(port=0, apis=(Api.CLIENT, Api.FEDERATION)),),
            federation=Federation(
                loopback=False,
                nameservers=(names,),
                allowed_networks=("127.0.0.0/8",),
                request_s_max=REQUEST_S_MAX,
                connect_s_max=2,
            ),
            extra_ca_files=(authority.file,),
            retry_interval_ms=RETRY_INTERVAL_MS,
            limits=limits,
        )
        homeserver = await stack.enter_async_context(running(settings))
        tenant = await create_tenant(
            homeserver.ctx, f"s{place}.example.org:{port}", settings=TenantSettings(registration=True)
        )
        database = await stack.enter_async_context(asyncpg.create_pool(database_url, min_size=1, max_size=2))
        names_of_people = ["anchor", "deputy", *(f"guest{number}" for number in range(GUESTS))]
        people = [await _person(homeserver, tenant, name) for name in names_of_people]
        yield Server(homeserver, tenant, database, people[0], people[1], people[2:])


async def _person(homeserver: Homeserver, tenant: Tenant, name: str) -> Person:
    await create_user(homeserver.ctx, tenant, name, PASSWORD)
    return await homeserver.logged_in(tenant, name)
