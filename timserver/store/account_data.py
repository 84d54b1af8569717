"""Table `account_data`."""

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_GET = Statement(
    bytes,
    "select content from account_data where tenant_id = $1 and user_nid = $2 and room_nid = $3 and type = $4",
)
_PUT = Statement(
    int,
    "insert into account_data (tenant_id, user_nid, room_nid, type, content, position) values ($1, $2, $3, $4, $5, $6)"
    " on conflict (tenant_id, user_nid, room_nid, type)"
    " do update set content = excluded.content, position = excluded.position returning 1",
)
_DELETE_ALL = Statement(int, "delete from account_data where tenant_id = $1 and user_nid = $2 returning 1")


async def get(conn: Connection, tenant: Tenant, user_nid: int, room_nid: int, data_type: str) -> bytes | None:
    """The content as JSON; room 0 is global."""
    return await _GET.one(conn, tenant, user_nid, room_nid, data_type)


async def put(
    conn: Connection,
    tenant: Tenant,
    user_nid: int,
    room_nid: int,
    data_type: str,
    content: bytes,
    position: int,
) -> None:
    """Store JSON at a position that was just taken; room 0 is global."""
    await _PUT.run(conn, tenant, user_nid, room_nid, data_type, content, position)


async def delete_all(conn: Connection, tenant: Tenant, user_nid: int) -> None:
    """Remove everything of a user."""
    await _DELETE_ALL.run(conn, tenant, user_nid)
