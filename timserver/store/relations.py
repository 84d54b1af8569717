"""Table `relation`: who relates to an event, and how."""

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class Aggregate(msgspec.Struct, frozen=True):
    """All relations of one type to one event; `newest` are event numbers, the newest first."""

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


_CHILDREN = Statement(
    ChildRow,
    "select target_hash, sender_nid, rel_type from relation where tenant_id = $1 and target_hash = any ($2::bytea[])",
)
_AGGREGATES = Statement(
    Aggregate,
    "select r.target_hash, r.rel_type, count(*), bool_or(r.sender_nid = $3),"
    " (array_agg(r.event_nid order by e.ts desc, e.event_hash desc))[:100]"
    " from relation r"
    " join event t on t.tenant_id = r.tenant_id and t.event_hash = r.target_hash and t.room_nid = r.room_nid"
    " join event e on e.tenant_id = r.tenant_id and e.event_nid = r.event_nid and e.flags & 15 = 0"
    " where r.tenant_id = $1 and r.target_hash = any ($2::bytea[]) and t.flags & 1 = 0 and t.key_nid is null"
    " and not r.sender_nid = any ($4::bigint[])"
    " and (r.rel_type in ('m.thread', 'm.reference')"
    "  or r.rel_type = 'm.replace' and r.sender_nid = t.sender_nid and r.type_nid = t.type_nid and e.key_nid is null)"
    " group by r.target_hash, r.rel_type",
)


async def aggregates(
    conn: Connection, tenant: Tenant, target_hashes: list[bytes], user_nid: int, ignored: list[int]
) -> list[Aggregate]:
    """What is bundled with some events, for one reader, who ignores some users. Redacted relations do not count."""
    return await _AGGREGATES.all(conn, tenant, target_hashes, user_nid, ignored)


async def children(conn: Connection, tenant: Tenant, target_hashes: list[bytes]) -> list[ChildRow]:
    """Who relates to some events, and how."""
    return await _CHILDREN.all(conn, tenant, target_hashes)
