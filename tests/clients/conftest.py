"""Real: the server, its PostgreSQL, both clients, their cryptography. Fake: nothing.

Accounts are new in every test, so that tests of one server do not see each other.
"""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.clients import driver
from tests.clients.cast import Cast
from tests.clients.homeserver import Homeserver, timserver
from tests.support.postgres import Postgres

LOGS = Path(__file__).parents[2] / ".state" / "clients"
EXTERNAL = os.environ.get("TIM_TEST_HOMESERVER")


@pytest.fixture(
    scope="session",
    params=["external"] if EXTERNAL else [1, 2],
    ids={"external": "external", 1: "one-worker", 2: "two-workers"}.get,
)
async def homeserver(
    request: pytest.FixtureRequest, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Homeserver]:
    """A server of one and then of two equal processes; one that is already there when the environment names it."""
    if EXTERNAL:
        yield Homeserver(EXTERNAL.rstrip("/"))
        return
    workers: int = request.param
    postgres = Postgres()
    await postgres.start()
    database_url = await postgres.create(f"timserver_clients_{worker_id}_{workers}")
    folder, log = tmp_path_factory.mktemp("server"), LOGS / f"timserver-{worker_id}-{workers}.log"
    LOGS.mkdir(parents=True, exist_ok=True)
    async with timserver(database_url, workers, folder, log) as running:
        yield running


@pytest.fixture(scope="session")
async def javascript(worker_id: str) -> AsyncIterator[driver.Driver]:
    """The Node process that plays all matrix-js-sdk clients; its log stays for reading after a failure."""
    driver.install()
    LOGS.mkdir(parents=True, exist_ok=True)
    async with driver.driver(LOGS / f"js-sdk-{worker_id}.log", "driver.mjs") as running:
        yield running


@pytest.fixture(scope="session")
async def browser(worker_id: str) -> AsyncIterator[driver.Driver]:
    """The Node process that clicks and types in Hydrogen, in Debian's Chromium, headless."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    driver.install()
    LOGS.mkdir(parents=True, exist_ok=True)
    async with driver.driver(LOGS / f"hydrogen-{worker_id}.log", "hydrogen/driver.mjs", chromium) as running:
        yield running


@pytest.fixture
async def cast(homeserver: Homeserver, javascript: driver.Driver, tmp_path: Path) -> AsyncIterator[Cast]:
    """Who appears in this test; they leave the stage at its end."""
    async with AsyncExitStack() as stage:
        yield Cast(homeserver, javascript, tmp_path, stage)
