"""Rooms that may go, and their end (all tables of rooms)."""

import msgspec

from timserver.store.database import Connection, Database
from timserver.store.statement import Function, Statement
from timserver.tenancy import Tenant


class LeftRoom(msgspec.Struct, frozen=True):
    """A room that no local user is in any more."""

    room_nid: int
    room_id: str
    all_forgotten: bool


_LEFT = Statement(
    LeftRoom,
    "select r.room_nid, r.room_id, x.all_forgotten from ("
    " select m.room_nid, bool_and(m.forgotten) as all_forgotten from membership m"
    " where m.tenant_id = $1 and m.local group by m.room_nid having bool_and(m.membership in (4, 5))) x"
    " join room r on r.tenant_id = $1 and r.room_nid = x.room_nid",
)
_PURGE = Function(bool, "purge_room", 2)


async def left_rooms(conn: Connection, tenant: Tenant) -> list[LeftRoom]:
    """Rooms that all local users have left."""
    return await _LEFT.all(conn, tenant)


async def purge(database: Database, tenant: Tenant, room_nid: int) -> bool:
    """Delete all rows of a room; False when somebody has come back or remembers it."""
    return await _PURGE.one(database, tenant, room_nid) is True
