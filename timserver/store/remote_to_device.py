"""Table `remote_to_device_txn`: to-device messages of other servers that were delivered."""

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_BEGIN = Statement(
    int,
    "insert into remote_to_device_txn (tenant_id, server_nid, message_id, created_ts) values ($1, $2, $3, $4)"
    " on conflict do nothing returning 1",
)
_FORGET = Statement(
    int, "delete from remote_to_device_txn where tenant_id = $1 and created_ts < $2 returning 1"
)


async def begin(conn: Connection, tenant: Tenant, server_nid: int, message_id: str, now_ms: int) -> bool:
    """False when the server has sent this message before."""
    return await _BEGIN.one(conn, tenant, server_nid, message_id, now_ms) is not None


async def forget(conn: Connection, tenant: Tenant, before_ms: int) -> None:
    """Forget old messages."""
    await _FORGET.run(conn, tenant, before_ms)
