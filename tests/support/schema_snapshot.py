"""`migrations/schema.sql`: what all migrations add up to, for reading and for the test that compares.

Write it anew after a migration: `python -m tests.support.schema_snapshot`.
"""

import asyncio
import subprocess

from timserver.store.embedded import binaries
from timserver.store.migrate import MIGRATIONS

SNAPSHOT = MIGRATIONS / "schema.sql"
_HEAD = "-- Generated: what the migrations add up to. Read it; never apply or edit it.\n\n"


def dump(url: str) -> str:
    """The schema of a database in a form that stays the same."""
    command = [str(binaries() / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", "--dbname", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [
        line
        for line in text.splitlines()
        if line.strip() and not line.startswith(("--", "SET ", "SELECT pg_catalog", "\\"))
    ]
    return _HEAD + "\n".join(lines) + "\n"


async def _dumped() -> str:
    from tests.support import postgres  # noqa: PLC0415 - starts a cluster only when it is asked to

    postgres.begin_run()
    try:
        server = postgres.Postgres()
        await server.start()
        return dump(server.url(postgres.TEMPLATE))
    finally:
        postgres.end_run()


if __name__ == "__main__":
    SNAPSHOT.write_text(asyncio.run(_dumped()))
