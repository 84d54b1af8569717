"""Table `room_alias`."""

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class AliasRow(msgspec.Struct, frozen=True):
    """An alias and its room."""

    alias: str
    room_nid: int
    creator_nid: int


_FIND = Statement(
    AliasRow, "select alias, room_nid, creator_nid from room_alias where tenant_id = $1 and alias = $2"
)
_OF_ROOM = Statement(
    AliasRow,
    "select alias, room_nid, creator_nid from room_alias where tenant_id = $1 and room_nid = $2 order by alias",
)
_INSERT = Statement(
    int,
    "insert into room_alias (tenant_id, alias, room_nid, creator_nid) values ($1, $2, $3, $4) returning 1",
)
_DELETE = Statement(int, "delete from room_alias where tenant_id = $1 and alias = $2 returning 1")
_MOVE = Statement(
    int, "update room_alias set room_nid = $3 where tenant_id = $1 and room_nid = $2 returning 1"
)


async def find(conn: Connection, tenant: Tenant, alias: str) -> AliasRow | None:
    """By alias."""
    return await _FIND.one(conn, tenant, alias)


async def of_room(conn: Connection, tenant: Tenant, room_nid: int) -> list[AliasRow]:
    """All aliases of a room."""
    return await _OF_ROOM.all(conn, tenant, room_nid)


async def insert(conn: Connection, tenant: Tenant, alias: str, room_nid: int, creator_nid: int) -> None:
    """A new alias; `UniqueViolation` when it is taken."""
    await _INSERT.run(conn, tenant, alias, room_nid, creator_nid)


async def delete(conn: Connection, tenant: Tenant, alias: str) -> None:
    """Remove an alias."""
    await _DELETE.run(conn, tenant, alias)


async def move(conn: Connection, tenant: Tenant, from_nid: int, to_nid: int) -> None:
    """Let all aliases of a room point to another one (room upgrade)."""
    await _MOVE.run(conn, tenant, from_nid, to_nid)
