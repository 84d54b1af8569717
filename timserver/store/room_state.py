"""Current state and memberships of one room with their events (tables `current_state`, `membership`, `event`)."""

from collections.abc import Sequence

from timserver.store.database import Connection
from timserver.store.events import COLUMNS, EventRow
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_FROM = (
    f"select {COLUMNS} from current_state c"
    " join event e on e.tenant_id = c.tenant_id and e.event_nid = c.event_nid"
    " where c.tenant_id = $1 and c.room_nid = $2"
)
_ALL = Statement(EventRow, f"{_FROM} and c.event_nid > 0 order by e.position")
_WITHOUT_MEMBERS = Statement(EventRow, f"{_FROM} and c.type_nid <> 2 and c.event_nid > 0 order by e.position")
_ENTRY = Statement(EventRow, f"{_FROM} and c.key_nid = $3 and c.event_nid > 0")
_OF_TYPE = Statement(EventRow, f"{_FROM} and c.type_nid = $3 and c.event_nid > 0 order by e.position")
_MEMBERS = Statement(
    EventRow,
    f"select {COLUMNS} from membership m join event e on e.tenant_id = m.tenant_id and e.event_nid = m.event_nid"
    " where m.tenant_id = $1 and m.room_nid = $2 and m.membership = any ($3::smallint[]) order by e.position",
)


async def whole(conn: Connection, tenant: Tenant, room_nid: int) -> list[EventRow]:
    """All of it, oldest first."""
    return await _ALL.all(conn, tenant, room_nid)


async def without_members(conn: Connection, tenant: Tenant, room_nid: int) -> list[EventRow]:
    """All of it but the members, oldest first."""
    return await _WITHOUT_MEMBERS.all(conn, tenant, room_nid)


async def entry(conn: Connection, tenant: Tenant, room_nid: int, key_nid: int) -> EventRow | None:
    """What stands under one key."""
    return await _ENTRY.one(conn, tenant, room_nid, key_nid)


async def of_type(conn: Connection, tenant: Tenant, room_nid: int, type_nid: int) -> list[EventRow]:
    """All state events of one type, oldest first."""
    return await _OF_TYPE.all(conn, tenant, room_nid, type_nid)


async def members(
    conn: Connection, tenant: Tenant, room_nid: int, memberships: Sequence[int]
) -> list[EventRow]:
    """The member events of those who have one of the memberships, oldest first."""
    return await _MEMBERS.all(conn, tenant, room_nid, list(memberships))
