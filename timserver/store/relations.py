"""Table `relation`: who relates to an event, and how."""

import msgspec

from timserver.matrix.room_versions import EventIdFormat, RoomVersion
from timserver.store.database import Connection, Database
from timserver.store.events import COLUMNS, EventRow
from timserver.store.statement import Function, Statement
from timserver.tenancy import Tenant


class Aggregate(msgspec.Struct, frozen=True):
    """All relations of one type to one event; `newest` are event numbers, the newest first, at most 100."""

    target_hash: bytes
    rel_type: str
    count: int
    participated: bool
    newest: list[int]


class ChildRow(msgspec.Struct, frozen=True):
    """That somebody has related to an event."""

    target_hash: bytes
    sender_nid: int
    rel_type: str


class Target(msgspec.Struct, frozen=True):
    """The event that another one relates to; `annotated`: by the same sender with the same key already; `related`: to a
    further event.
    """

    event_nid: int
    thread_nid: int | None
    annotated: bool
    related: bool


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Which relations: of positions (after, up_to], newest first or oldest first; None takes all kinds."""

    rel_type: str | None
    type_nid: int | None
    depth_max: int
    after: int
    up_to: int
    limit: int
    backwards: bool


class ThreadRow(msgspec.Struct, frozen=True):
    """The root of a thread, and the position of its newest event."""

    event_nid: int
    latest: int


_ID_LETTERS = {EventIdFormat.HASH: "+/", EventIdFormat.HASH_URLSAFE: "-_"}
"""The last two letters of the alphabet in which event ids write their hash."""
_TARGET = Function(Target, "relation_target", 8)
_TREE = (
    "with recursive tree (event_nid, event_hash, rel_type, depth) as ("
    " select r.event_nid, c.event_hash, r.rel_type, 1 from relation r"
    " join event c on c.tenant_id = r.tenant_id and c.event_nid = r.event_nid"
    " where r.tenant_id = $1 and r.room_nid = $2 and r.target_hash = $3"
    " union all"
    " select r.event_nid, c.event_hash, r.rel_type, t.depth + 1 from tree t"
    " join relation r on r.tenant_id = $1 and r.room_nid = $2 and r.target_hash = t.event_hash"
    " join event c on c.tenant_id = r.tenant_id and c.event_nid = r.event_nid where t.depth < $4)"
    f" select {COLUMNS} from tree t join event e on e.tenant_id = $1 and e.event_nid = t.event_nid"
    " where e.flags & 15 = 0 and ($5::text is null or t.rel_type = $5) and ($6::bigint is null or e.type_nid = $6)"
    " and e.position > $7 and e.position <= $8"
)
_TREE_BACKWARDS = Statement(EventRow, f"{_TREE} order by e.position desc limit $9")
_TREE_FORWARDS = Statement(EventRow, f"{_TREE} order by e.position limit $9")
_THREADS = Statement(
    ThreadRow,
    "select t.event_nid, x.latest from ("
    " select r.target_hash, max(e.position) as latest, bool_or(r.sender_nid = $3) as mine from relation r"
    " join event e on e.tenant_id = r.tenant_id and e.event_nid = r.event_nid and e.flags & 15 = 0"
    " where r.tenant_id = $1 and r.room_nid = $2 and r.rel_type = 'm.thread' and not r.sender_nid = any ($4::bigint[])"
    " group by r.target_hash) x"
    " join event t on t.tenant_id = $1 and t.event_hash = x.target_hash and t.room_nid = $2 and t.flags & 14 = 0"
    " where x.latest <= $5 and (not $6::boolean or x.mine or t.sender_nid = $3) order by x.latest desc limit $7",
)
_TARGETS_ABOVE = Statement(
    bytes,
    "with recursive above as ("
    " select r.target_hash, 1 as depth from relation r where r.tenant_id = $1 and r.event_nid = $2"
    " union all"
    " select r.target_hash, a.depth + 1 from above a"
    " join event e on e.tenant_id = $1 and e.event_hash = a.target_hash"
    " join relation r on r.tenant_id = $1 and r.event_nid = e.event_nid where a.depth < $3)"
    " select target_hash from above",
)
_CHILDREN = Statement(
    ChildRow,
    "select target_hash, sender_nid, rel_type from relation where tenant_id = $1 and target_hash = any ($2::bytea[])",
)
_AGGREGATES = Statement(
    Aggregate,
    "select r.target_hash, r.rel_type, count(*), bool_or($3 in (r.sender_nid, t.sender_nid)),"
    " (array_agg(r.event_nid order by case r.rel_type when 'm.replace' then e.ts end desc,"
    "  case r.rel_type when 'm.replace' then"
    "   coalesce(convert_to(translate(encode(e.event_hash, 'base64'), '+/', $5), 'UTF8'), e.event_hash) end desc,"
    "  e.position desc))[:100]"
    " from relation r"
    " join event t on t.tenant_id = r.tenant_id and t.event_hash = r.target_hash and t.room_nid = r.room_nid"
    " join event e on e.tenant_id = r.tenant_id and e.event_nid = r.event_nid and e.flags & 15 = 0"
    " where r.tenant_id = $1 and r.target_hash = any ($2::bytea[]) and t.flags & 1 = 0 and t.key_nid is null"
    " and not r.sender_nid = any ($4::bigint[])"
    " and (r.rel_type in ('m.thread', 'm.reference')"
    "  or r.rel_type = 'm.replace' and r.sender_nid = t.sender_nid and r.type_nid = t.type_nid and e.key_nid is null"
    "   and not exists (select from relation o where o.tenant_id = r.tenant_id and o.event_nid = t.event_nid"
    "    and o.rel_type = 'm.replace'))"
    " group by r.target_hash, r.rel_type",
)


async def aggregates(
    conn: Connection,
    tenant: Tenant,
    version: RoomVersion,
    target_hashes: list[bytes],
    user_nid: int,
    ignored: list[int],
) -> list[Aggregate]:
    """What is bundled with some events of one room, for one reader, who ignores some users. Redacted relations do not
    count, nor do edits of edits, of somebody else's events and by another type.

    The newest edit is the one with the latest time, then with the greatest event id; all else goes by its place in the
    room.
    """
    letters = _ID_LETTERS.get(version.event_id_format)
    return await _AGGREGATES.all(conn, tenant, target_hashes, user_nid, ignored, letters)


async def children(conn: Connection, tenant: Tenant, target_hashes: list[bytes]) -> list[ChildRow]:
    """Who relates to some events, and how."""
    return await _CHILDREN.all(conn, tenant, target_hashes)


async def targets_above(conn: Connection, tenant: Tenant, event_nid: int, depth_max: int) -> list[bytes]:
    """What an event relates to, what that relates to, and so on."""
    return await _TARGETS_ABOVE.all(conn, tenant, event_nid, depth_max)


async def target(
    database: Database,
    tenant: Tenant,
    room_nid: int,
    target_hash: bytes,
    annotation: tuple[int, int, str] | None = None,
    transaction: tuple[int, str] | None = None,
) -> Target | None:
    """What an event relates to; None when it is not in the room. One round trip.

    `annotation`: sender, type and key of one that may not be there twice; `transaction`: its device and transaction id.
    """
    sent_by = (*(annotation or (None, None, None)), *(transaction or (None, None)))
    return await _TARGET.one(database, tenant, room_nid, target_hash, *sent_by)


async def page(
    conn: Connection, tenant: Tenant, room_nid: int, target_hash: bytes, wanted: Page
) -> list[EventRow]:
    """Events that relate to one event, directly or over other events; redacted ones do not."""
    statement = _TREE_BACKWARDS if wanted.backwards else _TREE_FORWARDS
    return await statement.all(
        conn,
        tenant,
        room_nid,
        target_hash,
        wanted.depth_max,
        wanted.rel_type,
        wanted.type_nid,
        wanted.after,
        wanted.up_to,
        wanted.limit,
    )


async def threads(
    conn: Connection,
    tenant: Tenant,
    room_nid: int,
    user_nid: int,
    ignored: list[int],
    *,
    up_to: int,
    participated: bool,
    limit: int,
) -> list[ThreadRow]:
    """Roots of threads, the one with the newest event first; with `participated` those that the user had part in."""
    return await _THREADS.all(conn, tenant, room_nid, user_nid, ignored, up_to, participated, limit)
