"""Table `missing_event`: events that others name and that are not here; `admit_event` and `insert_history` write it."""

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_OLDEST = Statement(
    bytes,
    "select m.event_hash from missing_event m join event e on e.tenant_id = m.tenant_id and e.event_nid = m.named_by"
    " where m.tenant_id = $1 and m.room_nid = $2 and e.position is not null group by m.event_hash"
    " order by min(e.position), m.event_hash limit $3",
)
_IS_FOLLOWED = Statement(
    int,
    "select 1 from missing_event m join event e on e.tenant_id = m.tenant_id and e.event_nid = m.named_by"
    " where m.tenant_id = $1 and m.room_nid = $2 and m.event_hash = $3 and e.position is not null limit 1",
)


async def is_followed(conn: Connection, tenant: Tenant, room_nid: int, event_hash: bytes) -> bool:
    """Does an event of the room follow a missing one?"""
    return await _IS_FOLLOWED.one(conn, tenant, room_nid, event_hash) is not None


async def oldest(conn: Connection, tenant: Tenant, room_nid: int, limit: int) -> list[bytes]:
    """Stored ids of missing events: first those that the oldest events of the room name."""
    return await _OLDEST.all(conn, tenant, room_nid, limit)
