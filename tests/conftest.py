"""Real: PostgreSQL (one embedded server for the run, one migrated database for each xdist worker).

Fake: nothing here. What a part of the tests fakes says that part's own conftest.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.support import postgres as support


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=6, help="how often tests/crash kills server or database")
    parser.addoption(
        "--fuzz", type=int, default=2_000, help="malformed PDUs and EDUs that tests/federation sends"
    )
    parser.addoption("--rooms", default="0:2400", help="which random rooms the core's tests make, first:end")
    parser.addoption(
        "--long",
        action="store_true",
        help="--rooms 0:100000, and 10,000 requests of each kind to the sign oracle",
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        support.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        support.end_run()


@pytest.fixture(scope="session")
async def postgres() -> support.Postgres:
    """The run's PostgreSQL."""
    server = support.Postgres()
    await server.start()
    return server


@pytest.fixture(scope="session")
async def database_url(postgres: support.Postgres, worker_id: str) -> str:
    """A migrated database of this worker's own; tests share it and each make tenants of their own."""
    return await postgres.create(f"timserver_{worker_id}")


@pytest.fixture
async def fresh_database(
    postgres: support.Postgres, worker_id: str
) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Call it for the URL of a migrated database that only this test has."""
    names: list[str] = []

    async def create() -> str:
        names.append(f"timserver_{worker_id}_fresh_{len(names)}")
        return await postgres.create(names[-1])

    yield create
    for name in names:
        await postgres.drop(name)
