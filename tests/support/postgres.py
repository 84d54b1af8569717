"""One embedded PostgreSQL for a whole test run, one migrated database for each xdist worker.

The pytest process names a temporary folder before it starts workers; whoever needs a database first starts the
cluster there and migrates a template; the pytest process stops it at the end. `TIMSERVER_TEST_DATABASE_URL` (a superuser's
URL) takes an external server instead, to run the same tests on another version.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from timserver.store.embedded import FAST_AND_LOSSY, EmbeddedPostgres
from timserver.store.migrate import migrate

FOLDER_VARIABLE = "TIMSERVER_TEST_POSTGRES_FOLDER"
URL_VARIABLE = "TIMSERVER_TEST_DATABASE_URL"
TEMPLATE = "timserver_template"


def begin_run() -> None:
    """Called once, before workers start: they inherit the folder's name."""
    os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="timserver-test-")
    Path(os.environ[FOLDER_VARIABLE]).chmod(0o755)


def end_run() -> None:
    """Stop the cluster, if any test started it, and remove all."""
    folder = Path(os.environ.pop(FOLDER_VARIABLE))
    if (folder / "data").exists():
        EmbeddedPostgres(folder).stop()
    shutil.rmtree(folder)


@contextmanager
def own_cluster() -> Iterator[EmbeddedPostgres]:
    """A cluster of a test's own, for what belongs to a whole cluster: roles, versions, crashes."""
    folder = Path(tempfile.mkdtemp(prefix="timserver-test-"))
    folder.chmod(0o755)
    cluster = EmbeddedPostgres(folder, FAST_AND_LOSSY)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


class Postgres:
    """The run's server."""

    def __init__(self) -> None:
        self.folder = Path(os.environ[FOLDER_VARIABLE])
        self.external = os.environ.get(URL_VARIABLE)
        self._embedded = EmbeddedPostgres(self.folder, FAST_AND_LOSSY)

    def url(self, database: str) -> str:
        """URL of one database, as superuser."""
        if self.external:
            return urlsplit(self.external)._replace(path=f"/{database}").geturl()
        return self._embedded.url(database)

    async def start(self) -> None:
        """Start the server and migrate the template, unless another worker has done so."""
        with self._alone():
            if (self.folder / "prepared").exists():
                return
            if not self.external:
                self._embedded.start()
                self._embedded.leave()
            await migrate(await self.create(TEMPLATE, template="template0"))
            (self.folder / "prepared").touch()

    async def create(self, database: str, *, template: str = TEMPLATE) -> str:
        """A new database, a copy of the migrated template; its URL."""
        connection = await asyncpg.connect(self.external or self.url("postgres"))
        try:
            await connection.execute(f'drop database if exists "{database}" with (force)')
            await connection.execute(f'create database "{database}" template "{template}"')
        finally:
            await connection.close()
        return self.url(database)

    async def drop(self, database: str) -> None:
        """Remove a database, whoever is connected."""
        connection = await asyncpg.connect(self.external or self.url("postgres"))
        try:
            await connection.execute(f'drop database if exists "{database}" with (force)')
        finally:
            await connection.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder / "test.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
