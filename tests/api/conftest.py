"""Real: HTTP, PostgreSQL, the whole server in this process. Fake: nothing.

`server` is shared by a worker's tests, each makes tenants of its own; `tenant` and `other` are two of them.
"""

from collections.abc import AsyncIterator

import pytest

from tests.support.homeserver import Homeserver, Person, running, settings_for
from timserver.config import Media, ServerNotices
from timserver.tenancy import Tenant, Variant


@pytest.fixture(scope="session")
async def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Homeserver]:
    media = Media(directory=tmp_path_factory.mktemp("media"), upload_bytes_max=2_000_000)
    notices = ServerNotices(localpart="_server")
    async with running(settings_for(database_url, media=media, server_notices=notices)) as homeserver:
        yield homeserver


@pytest.fixture
async def tenant(server: Homeserver) -> Tenant:
    return await server.tenant()


@pytest.fixture
async def other(server: Homeserver) -> Tenant:
    return await server.tenant()


@pytest.fixture
async def alice(server: Homeserver, tenant: Tenant) -> Person:
    return await server.person(tenant, "alice")


@pytest.fixture
async def bob(server: Homeserver, tenant: Tenant) -> Person:
    return await server.person(tenant, "bob")


@pytest.fixture
async def mallory(server: Homeserver, other: Tenant) -> Person:
    """Of another tenant."""
    return await server.person(other, "alice")


@pytest.fixture
async def stranger(server: Homeserver) -> Person:
    """Of a tenant that may not talk to the others."""
    return await server.person(await server.tenant(Variant.PRO), "alice")
