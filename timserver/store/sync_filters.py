"""Table `sync_filter`: filters are never changed once they are stored."""

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_GET = Statement(
    bytes, "select body from sync_filter where tenant_id = $1 and user_nid = $2 and filter_id = $3"
)
_FIND = Statement(
    int, "select filter_id from sync_filter where tenant_id = $1 and user_nid = $2 and body = $3 limit 1"
)
_INSERT = Statement(
    int,
    "insert into sync_filter (tenant_id, user_nid, filter_id, body) select $1, $2, coalesce(max(filter_id), -1) + 1, $3"
    " from sync_filter where tenant_id = $1 and user_nid = $2 returning filter_id",
)


async def get(conn: Connection, tenant: Tenant, user_nid: int, filter_id: int) -> bytes | None:
    """A stored filter as JSON."""
    return await _GET.one(conn, tenant, user_nid, filter_id)


async def put(conn: Connection, tenant: Tenant, user_nid: int, body: bytes) -> int:
    """Store a filter; the same body has the same id. `UniqueViolation` when another was stored at the same time."""
    known = await _FIND.one(conn, tenant, user_nid, body)
    if known is not None:
        return known
    filter_id = await _INSERT.one(conn, tenant, user_nid, body)
    assert filter_id is not None
    return filter_id
