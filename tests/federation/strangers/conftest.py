"""Real: HTTP and HTTPS on loopback, PostgreSQL, the whole server with its loops, set up as open as a conformance suite
wants it. Fake: the other homeserver (`Stranger`), which is small but speaks and signs as any other.

`tenant` is the homeserver under test, `alice` and `bob` are its users; each test has a tenant of its own.
"""

from collections.abc import AsyncIterator

import pytest

from tests.api.conftest import alice, bob, tenant
from tests.support.homeserver import Homeserver, running, settings_for
from tests.support.postgres import Postgres
from tests.support.remote_server import Authority, remote_server
from tests.support.stranger import Stranger
from timserver.config import Federation, Media

__all__ = ["alice", "authority", "bob", "server", "stranger", "tenant"]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
async def server(
    postgres: Postgres, worker_id: str, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Homeserver]:
    url = await postgres.create(f"timserver_{worker_id}_strangers")
    settings = settings_for(
        url,
        media=Media(directory=tmp_path_factory.mktemp("media"), legacy_paths=True),
        federation=Federation(allowed_networks=("127.0.0.0/8",), device_names=True),
        extra_ca_files=(authority.file,),
        retry_interval_ms=1000,
        default_room_version="10",
    )
    async with running(settings) as homeserver:
        yield homeserver


@pytest.fixture
async def stranger(server: Homeserver, authority: Authority) -> AsyncIterator[Stranger]:
    async with remote_server(authority) as remote:
        yield Stranger(remote, server)
