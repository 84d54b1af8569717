"""Table `receipt`."""

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

READ, READ_PRIVATE = 1, 2

_POSITION = Statement(
    int,
    "select event_position from receipt where tenant_id = $1 and room_nid = $2 and user_nid = $3 and kind = $4"
    " and thread = $5",
)
_PUT = Statement(
    int,
    "insert into receipt (tenant_id, room_nid, user_nid, kind, thread, thread_nid, event_nid, event_position, ts, position)"
    " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    " on conflict (tenant_id, room_nid, user_nid, kind, thread) do update set event_nid = excluded.event_nid,"
    " event_position = excluded.event_position, ts = excluded.ts, position = excluded.position,"
    " thread_nid = excluded.thread_nid where receipt.event_position < excluded.event_position returning 1",
)


async def position_of(
    conn: Connection, tenant: Tenant, room_nid: int, user_nid: int, kind: int, thread: str
) -> int | None:
    """How far the user's receipt reaches."""
    return await _POSITION.one(conn, tenant, room_nid, user_nid, kind, thread)


async def put(
    conn: Connection,
    tenant: Tenant,
    room_nid: int,
    user_nid: int,
    receipt: tuple[int, str, int],
    event: tuple[int, int],
    stamp: tuple[int, int],
) -> None:
    """Set a receipt (kind, thread, root's number) on an event (number, position), at (time, log position)."""
    await _PUT.run(conn, tenant, room_nid, user_nid, *receipt, *event, *stamp)
