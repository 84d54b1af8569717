"""What `doctor` and /readyz want to know of the database as a whole; one connection, made for the purpose."""

import asyncpg
import msgspec

from timserver.store.database import APP_ROLE
from timserver.store.migrate import pending_names

CONNECT_S_MAX = 5


class DatabaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the database at one moment."""

    version: int
    """As PostgreSQL's `server_version_num`: 180006 is 18.6."""
    now_ms: int
    connections_max: int
    checksums: bool
    durable: bool
    """fsync and synchronous_commit are on."""
    may_act: bool
    """The login role may act as the role that serves."""
    role_is_strong: bool
    """The serving role passes row-level security: it must not."""
    pending: tuple[str, ...]
    """Migrations that are still to be applied."""
    unwalled: tuple[str, ...]
    """Tables with a tenant_id on which row-level security is not on and forced."""
    sending_late_ms: int
    """For how long the tenant that is due longest has waited for the loop that sends to other servers."""
    sealed_seed: bytes | None
    """Some tenant's sealed signing key, to try the master key on."""


_FACTS = """
select current_setting('server_version_num')::int as version,
    (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms,
    current_setting('max_connections')::int as connections_max,
    current_setting('data_checksums') = 'on' as checksums,
    current_setting('fsync') = 'on' and current_setting('synchronous_commit') <> 'off' as durable,
    coalesce((select pg_has_role(current_user, oid, 'member') from pg_roles where rolname = $1), false) as may_act,
    coalesce((select rolsuper or rolbypassrls from pg_roles where rolname = $1), false) as role_is_strong
"""
_SENDING_LATE = """
select greatest(0, coalesce((extract(epoch from clock_timestamp()) * 1000)::bigint - min(due_ts), 0)) from sending
"""
_UNWALLED = """
select c.relname from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where c.relkind in ('r', 'p') and c.relnamespace = current_schema()::regnamespace
    and c.relname not in ('tenant', 'tenant_host', 'sending', 'inbox_queue') and not (c.relrowsecurity and c.relforcerowsecurity)
order by c.relname
"""


async def inspect(url: str) -> DatabaseFacts:
    """Raises `OSError` or `PostgresError` (see `UNREACHABLE`) when there is nothing to look at."""
    connection = await asyncpg.connect(url, timeout=CONNECT_S_MAX, command_timeout=30)
    try:
        facts = await connection.fetchrow(_FACTS, APP_ROLE)
        pending = await pending_names(connection)
        return DatabaseFacts(
            **dict(facts),
            pending=tuple(pending),
            unwalled=tuple(row["relname"] for row in await connection.fetch(_UNWALLED)),
            sending_late_ms=0 if pending else await connection.fetchval(_SENDING_LATE),
            sealed_seed=None if pending else await _some_seed(connection),
        )
    finally:
        await connection.close()


UNREACHABLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What connecting raises: nobody there, wrong password, no such database, a malformed URL."""


async def _some_seed(connection: asyncpg.Connection) -> bytes | None:
    """Row-level security holds here too: ask as the first tenant."""
    async with connection.transaction():
        tenant_id = await connection.fetchval("select tenant_id from tenant limit 1")
        if tenant_id is None:
            return None
        await connection.execute("select set_config('tim.tenant', $1, true)", str(tenant_id))
        seed: bytes | None = await connection.fetchval(
            "select seed from tenant_key where tenant_id = $1 limit 1", tenant_id
        )
        return seed
