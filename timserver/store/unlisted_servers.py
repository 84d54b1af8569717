"""Table `unlisted_server`: servers outside the federation list of which a tenant's users have been told."""

from collections.abc import Sequence

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_TOLD = Statement(int, "select server_nid from unlisted_server where tenant_id = $1")
_CLAIM = Statement(
    int,
    "insert into unlisted_server (tenant_id, server_nid, told_ts) values ($1, $2, $3) on conflict do nothing returning 1",
)
_FORGET = Statement(
    int, "delete from unlisted_server where tenant_id = $1 and server_nid = any ($2::bigint[]) returning 1"
)


async def told_of(conn: Connection, tenant: Tenant) -> set[int]:
    """Numbers of their names."""
    return set(await _TOLD.all(conn, tenant))


async def claim(conn: Connection, tenant: Tenant, server_nid: int, now_ms: int) -> bool:
    """May the caller tell of it? Only one may."""
    return await _CLAIM.one(conn, tenant, server_nid, now_ms) is not None


async def forget(conn: Connection, tenant: Tenant, server_nids: Sequence[int]) -> None:
    """They are in the list again, or in no room any more: next time it is news."""
    await _FORGET.run(conn, tenant, list(server_nids))
