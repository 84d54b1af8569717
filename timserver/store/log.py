"""Table `log_position`: the one counter of a tenant (DESIGN 3)."""

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_TAKE = Statement(
    int, "update log_position set position = position + $2 where tenant_id = $1 returning position"
)
_READ = Statement(int, "select position from log_position where tenant_id = $1")
_BEGIN = Statement(int, "insert into log_position (tenant_id, position) values ($1, 1)")


async def take(conn: Connection, tenant: Tenant, count: int = 1) -> int:
    """The last of `count` new positions. From here to COMMIT all writers of the tenant wait: write only the facts
    that carry the position, and nothing else, after it.
    """
    position = await _TAKE.one(conn, tenant, count)
    assert position is not None, "a tenant without a log"
    return position


async def read(conn: Connection, tenant: Tenant) -> int:
    """The newest position that is visible to this transaction; all below it are too."""
    return await _READ.one(conn, tenant) or 0


async def begin(conn: Connection, tenant: Tenant) -> None:
    """The log of a new tenant."""
    await _BEGIN.run(conn, tenant)
