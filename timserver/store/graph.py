"""Table `event` as a graph: what is known of some event ids, and auth chains."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from timserver import core
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import RoomVersion
from timserver.store import events
from timserver.store.database import Connection
from timserver.store.read_events import ReadEvents
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class Node(msgspec.Struct, frozen=True):
    """An event without its body. `snapshot_nid` is the state before it; an outlier has none."""

    event_nid: int
    event_hash: bytes
    room_nid: int
    flags: int
    depth: int
    type_nid: int
    key_nid: int | None
    sender_nid: int
    snapshot_nid: int


class _Link(msgspec.Struct, frozen=True):
    event_nid: int
    auth: list[int]


class _Whole(msgspec.Struct, frozen=True):
    """`json` is left out of an event that is known and has the flags it had."""

    event_nid: int
    key_nid: int
    chain_nid: int
    chain_position: int
    auth_vector: bytes | None
    event_hash: bytes
    flags: int
    prev: list[int]
    auth: list[int]
    json: bytes | None


_COLUMNS = "event_nid, event_hash, room_nid, flags, depth, type_nid, key_nid, sender_nid, snapshot_nid"
_BY_HASH = Statement(
    Node, f"select {_COLUMNS} from event where tenant_id = $1 and event_hash = any ($2::bytea[])"
)
_BY_NID = Statement(
    Node, f"select {_COLUMNS} from event where tenant_id = $1 and event_nid = any ($2::bigint[])"
)
_CHAIN = Statement(
    _Link,
    "with recursive chain as ("
    " select event_nid, auth from event where tenant_id = $1 and event_nid = any ($2::bigint[])"
    " union select e.event_nid, e.auth from chain c cross join lateral unnest(c.auth) as cited (nid)"
    " join event e on e.tenant_id = $1 and e.event_nid = cited.nid)"
    " select event_nid, auth from chain",
)
_STORED = Statement(
    _Whole,
    "select e.event_nid, coalesce(e.key_nid, 0), coalesce(e.chain_nid, 0), coalesce(e.chain_position, 0), e.auth_vector,"
    " e.event_hash, e.flags, e.prev, e.auth,"
    " case when e.flags = known.flags then null else e.json end"
    " from unnest($2::bigint[], $3::int[]) as known (nid, flags)"
    " join event e on e.tenant_id = $1 and e.event_nid = known.nid",
)
_LEVELS = Statement(
    _Link,
    "with recursive chain as ("
    " select event_nid, auth from event where tenant_id = $1 and event_nid = any ($2::bigint[]) and key_nid = $3"
    " union select e.event_nid, e.auth from chain c cross join lateral unnest(c.auth) as cited (nid)"
    " join event e on e.tenant_id = $1 and e.event_nid = cited.nid and e.key_nid = $3)"
    " select event_nid, auth from chain",
)
_BEHIND_FAILED = Statement(
    int,
    "with recursive failed as ("
    " select event_nid, prev from event where tenant_id = $1 and event_nid = any ($2::bigint[])"
    " union select e.event_nid, e.prev from failed f cross join lateral unnest(f.prev) as followed (nid)"
    " join event e on e.tenant_id = $1 and e.event_nid = followed.nid and e.flags & 12 <> 0)"
    " select distinct unnest(prev) from failed",
)


def node_of(room_nid: int, new: events.NewEvent) -> Node:
    """An event of ours that was appended just now."""
    return Node(
        new.nid,
        new.event_hash,
        room_nid,
        0,
        new.depth,
        new.type_nid,
        new.key_nid,
        new.sender_nid,
        new.snapshot_nid,
    )


async def nodes(conn: Connection, tenant: Tenant, keys: Iterable[bytes]) -> dict[bytes, Node]:
    """Events by stored ids, as far as they are here."""
    return {row.event_hash: row for row in await _BY_HASH.all(conn, tenant, list(keys))}


async def nodes_of(conn: Connection, tenant: Tenant, nids: Iterable[int]) -> dict[int, Node]:
    """Events by numbers."""
    return {row.event_nid: row for row in await _BY_NID.all(conn, tenant, list(nids))}


async def followed_by_failed(conn: Connection, tenant: Tenant, nids: Iterable[int]) -> set[int]:
    """What events that were rejected or soft-failed follow, through others that were, too."""
    return set(await _BEHIND_FAILED.all(conn, tenant, list(nids)))


async def auth_links(conn: Connection, tenant: Tenant, nids: Iterable[int]) -> dict[int, list[int]]:
    """The auth events of these events, of those, and so on."""
    return {row.event_nid: row.auth for row in await _CHAIN.all(conn, tenant, list(nids))}


async def auth_chain(conn: Connection, tenant: Tenant, nids: Iterable[int]) -> set[int]:
    """What these events cite, and so on; of themselves only who is cited by another one."""
    return {cited for auth in (await auth_links(conn, tenant, nids)).values() for cited in auth}


async def stored(
    conn: Connection, remembered: ReadEvents, tenant: Tenant, version: RoomVersion, nids: Iterable[int]
) -> dict[int, core.Stored]:
    """Events as state resolution takes them; those that are remembered are not read again.

    Their flags are: another process may have rejected or redacted one since.
    """
    wanted = list(nids)
    if not wanted:
        return {}
    known = remembered.of(tenant.tenant_id, wanted)
    flags = [known[nid][0] if nid in known else None for nid in wanted]
    found = {}
    for row in await _STORED.all(conn, tenant, wanted, flags):
        if row.json is None:
            found[row.event_nid] = known[row.event_nid][1]
            continue
        event = found[row.event_nid] = core.read_stored(
            core.Placed(row.event_nid, row.key_nid, row.chain_nid, row.chain_position, row.auth_vector),
            events.event_id_of(version, row.event_hash),
            row.json,
            row.prev,
            row.auth,
            bool(row.flags & events.REJECTED),
        )
        remembered.put(tenant.tenant_id, row.flags, event)
    return found


async def older_levels(
    conn: Connection, tenant: Tenant, nids: Iterable[int], levels_key: int
) -> dict[int, int]:
    """Of each power levels event among some, and of those these lead to, which one it cites."""
    links = {row.event_nid: row.auth for row in await _LEVELS.all(conn, tenant, list(nids), levels_key)}
    cited = {nid: [auth for auth in auths if auth in links] for nid, auths in links.items()}
    return {nid: auths[0] for nid, auths in cited.items() if auths}


def numbers_of_all(ids: Sequence[EventID], nodes: Mapping[EventID, Node]) -> list[int]:
    """Numbers of previous events; none when one of them is not here, for then nobody may take the others for all."""
    found = [nodes[event_id].event_nid for event_id in ids if event_id in nodes]
    return found if len(found) == len(ids) else []
