"""Migrations: numbered SQL files, forward only, and functions that are replaced each time.

`migrations/NNNN_what.pre.sql` runs before the new code starts, `.post.sql` after the old code is gone. Each file is
one transaction. Two processes that migrate at once wait for each other.
"""

import hashlib
from pathlib import Path
from typing import Any

import asyncpg

from timserver.store.database import APP_ROLE

MIGRATIONS = Path(__file__).resolve().parent.parent.parent / "migrations"

_LOCK = 0x74_69_6D
_SETUP = f"""
create table if not exists schema_migration (
    name text primary key, digest text not null, applied_at timestamptz not null default now());
do $$ begin
    if not exists (select from pg_roles where rolname = '{APP_ROLE}') then create role {APP_ROLE} nologin; end if;
exception when duplicate_object or unique_violation then null; end $$;
do $$ begin
    -- from version 16 on who makes a role may grant it, but does not act as it unasked
    if not pg_has_role(current_user, '{APP_ROLE}',
                       case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end) then
        execute format('grant {APP_ROLE} to %I', current_user);
    end if;
    execute format('grant usage on schema %I to {APP_ROLE}', current_schema());
end $$;
"""


class MigrationError(Exception):
    """A migration that was applied has changed since."""


def _files() -> list[Path]:
    return sorted(MIGRATIONS.glob("[0-9]*.sql"))


async def _pending(conn: Any) -> list[Path]:
    applied = {
        row["name"]: row["digest"] for row in await conn.fetch("select name, digest from schema_migration")
    }
    pending = []
    for path in _files():
        known = applied.get(path.name)
        if known is None:
            pending.append(path)
        elif known != hashlib.sha256(path.read_bytes()).hexdigest():
            raise MigrationError(f"{path.name} was applied in another form; migrations are never edited")
    return pending


async def pending_names(conn: Any) -> list[str]:
    """What `migrate` would apply; everything on an empty database."""
    known = await conn.fetchval("select to_regclass('schema_migration')")
    return [path.name for path in (_files() if known is None else await _pending(conn))]


async def migrate(url: str, *, dry_run: bool = False) -> list[str]:
    """Bring the database at `url` up to date; the names of the migrations that were (or would be) applied."""
    conn = await asyncpg.connect(url)
    try:
        await conn.fetchval("select pg_advisory_lock($1)", _LOCK)
        await conn.execute(_SETUP)
        pending = await _pending(conn)
        if not dry_run:
            for path in pending:
                async with conn.transaction():
                    await conn.execute(path.read_text())
                    await conn.execute(
                        "insert into schema_migration (name, digest) values ($1, $2)",
                        path.name,
                        hashlib.sha256(path.read_bytes()).hexdigest(),
                    )
            await _replace_functions(conn)
        return [path.name for path in pending]
    finally:
        await conn.close()


async def _replace_functions(conn: Any) -> None:
    """Functions carry no data: create or replace each, when anything in the folder changed."""
    files = sorted((MIGRATIONS / "functions").glob("*.sql"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    if await conn.fetchval("select digest from schema_migration where name = 'functions'") == digest:
        return
    async with conn.transaction():
        for path in files:  # a file is named as its function
            await conn.execute(f"drop function if exists {path.stem}")
            await conn.execute(path.read_text())
        await conn.execute(
            "insert into schema_migration (name, digest) values ('functions', $1) "
            "on conflict (name) do update set digest = excluded.digest",
            digest,
        )
