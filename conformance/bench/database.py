"""A fresh PostgreSQL cluster for one server, with default settings but for one: statistics come within a second, not
within a minute. A server that has run for long has them; without, which index is taken is a matter of chance.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import msgspec

from timserver.store.embedded import EmbeddedPostgres

NAME = "bench"


class Database(msgspec.Struct, frozen=True):
    """An empty database, reached through a unix socket as user `postgres`."""

    url: str
    """As libpq and asyncpg read it."""
    postmaster_pid: int


@contextmanager
def fresh(folder: Path) -> Iterator[Database]:
    """A cluster in the folder, stopped at the end."""
    with EmbeddedPostgres(folder) as cluster:
        asyncio.run(_create(cluster.url()))
        pid = int((cluster.data / "postmaster.pid").read_text().split()[0])
        yield Database(cluster.url(NAME), pid)


async def _create(url: str) -> None:
    """Synapse refuses any collation but C, so both get it."""
    connection = await asyncpg.connect(url)
    await connection.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.execute(
        f"CREATE DATABASE {NAME} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    await connection.close()


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
