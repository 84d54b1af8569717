"""Table `account_data`."""

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_GET = Statement(
    bytes,
    "select content from account_data where tenant_id = $1 and user_nid = $2 and room_nid = $3 and type = $4",
)


async def get(conn: Connection, tenant: Tenant, user_nid: int, room_nid: int, data_type: str) -> bytes | None:
    """The content as JSON; room 0 is global."""
    return await _GET.one(conn, tenant, user_nid, room_nid, data_type)
