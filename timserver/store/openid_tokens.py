"""Table `openid_token`."""

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_INSERT = Statement(
    int,
    "insert into openid_token (tenant_id, token_hash, user_nid, expires_ts) values ($1, $2, $3, $4) returning 1",
)
_FIND = Statement(
    int,
    "select user_nid from openid_token where tenant_id = $1 and token_hash = $2 and expires_ts > $3",
)
_EXPIRE = Statement(int, "delete from openid_token where tenant_id = $1 and expires_ts < $2 returning 1")


async def insert(conn: Connection, tenant: Tenant, token_hash: bytes, user_nid: int, expires_ts: int) -> None:
    """A new token."""
    await _INSERT.run(conn, tenant, token_hash, user_nid, expires_ts)


async def expire(conn: Connection, tenant: Tenant, now_ms: int) -> None:
    """Remove those whose time is over."""
    await _EXPIRE.run(conn, tenant, now_ms)


async def find(conn: Connection, tenant: Tenant, token_hash: bytes, now_ms: int) -> int | None:
    """Whose token it is; None when it is unknown or its time is over."""
    return await _FIND.one(conn, tenant, token_hash, now_ms)
