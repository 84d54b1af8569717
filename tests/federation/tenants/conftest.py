"""Real: tenants of one process, PostgreSQL, and what lies between them: each test runs once over the loop-back and once
over HTTPS (its own name server and certificate authority, a TLS listener, signed requests). Fake: nothing. A module
for which the transport does not matter runs once: `pytestmark = pytest.mark.parametrize("server", ["loopback"],
indirect=True)`.

`tenant`, `other` and `third` are three homeservers; `alice` is at the first, `bob` at the second, `carol` at the third.
"""

from collections.abc import AsyncIterator

import pytest

from tests.api.conftest import alice, other, tenant
from tests.support.homeserver import Homeserver, Person, running, settings_for
from tests.support.name_server import name_server
from tests.support.postgres import Postgres
from tests.support.remote_server import Authority
from timserver.config import Api, Federation, Listener, Media
from timserver.context import Context
from timserver.tenancy import Tenant

__all__ = ["alice", "bob", "carol", "ctx", "other", "server", "tenant", "third"]

LOOPBACK, HTTP = "loopback", "http"


@pytest.fixture(scope="session", params=[LOOPBACK, HTTP])
async def server(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    worker_id: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Homeserver]:
    url = await postgres.create(f"timserver_{worker_id}_{request.param}")
    media = Media(directory=tmp_path_factory.mktemp("media"), upload_bytes_max=2_000_000)
    if request.param == LOOPBACK:
        async with running(settings_for(url, media=media)) as homeserver:
            yield homeserver
        return
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate, key = authority.issue("*.example.org")
    async with name_server() as names:
        settings = settings_for(
            url,
            media=media,
            listeners=(
                Listener(port=0),
                Listener(port=0, certificate=certificate, key=key, apis=(Api.FEDERATION,)),
            ),
            federation=Federation(loopback=False, nameservers=(names,), allowed_networks=("127.0.0.0/8",)),
            extra_ca_files=(authority.file,),
        )
        async with running(settings) as homeserver:
            yield homeserver


@pytest.fixture
async def ctx(server: Homeserver) -> Context:
    """A context of the test's own, beside the server's."""
    return server.ctx


@pytest.fixture
async def third(server: Homeserver) -> Tenant:
    return await server.tenant()


@pytest.fixture
async def bob(server: Homeserver, other: Tenant) -> Person:
    return await server.person(other, "bob")


@pytest.fixture
async def carol(server: Homeserver, third: Tenant) -> Person:
    return await server.person(third, "carol")
