"""Table `event` as other servers ask for it: by event id alone, and backwards along the edges of the graph."""

import contextlib
from collections.abc import Sequence

from timserver.matrix import signing
from timserver.store.database import Connection
from timserver.store.events import COLUMNS, EventRow
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_BY_KEYS = Statement(
    EventRow,
    f"select {COLUMNS} from event e where e.tenant_id = $1 and event_hash = any ($2::bytea[]) limit 1",
)
_OF_ROOM = Statement(
    EventRow,
    f"select {COLUMNS} from event e where e.tenant_id = $1 and room_nid = $2 and event_hash = any ($3::bytea[])",
)
_WALK = Statement(
    int,
    "with recursive walk as ("
    " select r.nid from unnest($3::bigint[]) r (nid)"
    " union select p.nid from walk w"
    " join event e on e.tenant_id = $1 and e.event_nid = w.nid and e.room_nid = $2 and e.depth > $5"
    " cross join lateral unnest(e.prev) p (nid) where p.nid <> all ($4::bigint[]))"
    " select nid from walk limit $6",
)


async def find_anywhere(conn: Connection, tenant: Tenant, event_id: str) -> EventRow | None:
    """An event of whatever room: its id is text in old rooms and a hash in others."""
    keys = [event_id.encode()]
    with contextlib.suppress(ValueError):
        keys.append(signing.decode_base64(event_id[1:]))
    return await _BY_KEYS.one(conn, tenant, keys)


async def find_in_room(
    conn: Connection, tenant: Tenant, room_nid: int, keys: Sequence[bytes]
) -> list[EventRow]:
    """Events of one room by their stored ids, as far as they are here."""
    return await _OF_ROOM.all(conn, tenant, room_nid, list(keys))


async def walk_back(
    conn: Connection,
    tenant: Tenant,
    room_nid: int,
    roots: Sequence[int],
    *,
    without: Sequence[int] = (),
    depth_min: int = 0,
    limit: int,
) -> list[int]:
    """Numbers of the roots and of what they follow, breadth first, at most `limit`.

    The walk does not go through the events `without`, nor beyond those of `depth_min`. PostgreSQL evaluates a
    recursive query only as far as its rows are taken, so the limit bounds the work.
    """
    return await _WALK.all(conn, tenant, room_nid, list(roots), list(without), depth_min, limit)
