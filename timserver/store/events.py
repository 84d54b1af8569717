"""Table `event`: `append` is the only way in; the rest reads.

An event id is stored as the 32 bytes of its hash; in rooms of version 1 and 2 as its text.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from timserver.core import Placed
from timserver.matrix import signing
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import EventIdFormat, RoomVersion
from timserver.store.chains import columns_of
from timserver.store.database import Connection, Database
from timserver.store.snapshots import SnapshotRow
from timserver.store.statement import Function, Statement
from timserver.tenancy import Tenant

REDACTED, OUTLIER, REJECTED, SOFT_FAILED, BACKFILLED = 1, 2, 4, 8, 16

APPENDED, KNOWN, STALE = 0, 1, 2


class EventRow(msgspec.Struct, frozen=True):
    """What reading needs of an event."""

    event_nid: int
    room_nid: int
    event_hash: bytes
    position: int
    depth: int
    ts: int
    type_nid: int
    key_nid: int | None
    sender_nid: int
    flags: int
    snapshot_nid: int
    replaces_nid: int | None
    thread_nid: int | None
    redacted_by: int | None
    device_nid: int | None
    txn_id: str | None
    json: bytes
    is_related: bool
    """Of a message: are there events that relate to it?"""


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event to append, with what follows from it."""

    nid: int
    event_hash: bytes
    depth: int
    ts: int
    type_nid: int
    key_nid: int | None
    sender_nid: int
    prev: Sequence[int]
    auth: Sequence[int]
    snapshot_nid: int
    replaces_nid: int | None
    thread_nid: int | None
    push_default: int
    push_except: Sequence[int] | None
    json: bytes
    membership: int | None = None
    local: bool | None = None
    server_nid: int | None = None
    """Of a member of another server."""
    stripped: bytes | None = None
    placed: Placed | None = None
    """Of a state event: where it stands among the auth chains."""
    target_hash: bytes | None = None
    rel_type: str | None = None
    rel_key: str | None = None


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """One append: all events or none."""

    room_nid: int
    row_version: int
    new_room: tuple[str, str] | None = None
    """(room id, room version) when the room is made by this append."""
    device_nid: int | None = None
    txn_id: str | None = None
    events: Sequence[NewEvent]
    snapshots: Sequence[SnapshotRow]
    head_snapshot_nid: int
    joined_change: int = 0
    invited_change: int = 0
    redact: tuple[int, bytes] | None = None
    """(event number, its pruned PDU) when the last event redacts another one."""


class Appended(msgspec.Struct, frozen=True):
    """What became of an append."""

    status: int
    position: int
    event_nid: int
    event_hash: bytes


_APPEND = Function(Appended, "append_events", 42)
_APPEND_MESSAGE = Function(Appended, "append_message", 21)


def event_key(version: RoomVersion, event_id: str) -> bytes:
    """An event id as it is stored. Raises ValueError for what cannot be one in this room version."""
    if version.event_id_format is EventIdFormat.GIVEN:
        return event_id.encode()
    return signing.decode_base64(event_id[1:])


def event_id_of(version: RoomVersion, key: bytes) -> EventID:
    """The event id behind a stored key."""
    if version.event_id_format is EventIdFormat.GIVEN:
        return EventID(key.decode())
    encode = (
        signing.encode_base64_urlsafe
        if version.event_id_format is EventIdFormat.HASH_URLSAFE
        else signing.encode_base64
    )
    return EventID("$" + encode(key))


def array_literal(numbers: Sequence[int] | None) -> str | None:
    """Numbers as PostgreSQL writes an array: arrays of arrays travel as arrays of text."""
    return None if numbers is None else "{" + ",".join(map(str, numbers)) + "}"


async def append(database: Database, tenant: Tenant, wanted: Append) -> Appended:
    """One round trip, one commit; see `migrations/functions/append_events.sql`."""
    new = wanted.events
    if len(new) == 1 and new[0].key_nid is None and wanted.redact is None:
        return await _append_message(database, tenant, wanted, new[0])
    redact_nid, redact_json = wanted.redact or (None, None)
    new_room_id, new_room_version = wanted.new_room or (None, None)
    arguments: list[Any] = [
        wanted.room_nid,
        wanted.row_version,
        new_room_id,
        new_room_version,
        wanted.device_nid,
        wanted.txn_id,
        [event.nid for event in new],
        [event.event_hash for event in new],
        [event.depth for event in new],
        [event.ts for event in new],
        [event.type_nid for event in new],
        [event.key_nid for event in new],
        [event.sender_nid for event in new],
        [array_literal(event.prev) for event in new],
        [array_literal(event.auth) for event in new],
        [event.snapshot_nid for event in new],
        [event.replaces_nid for event in new],
        [event.thread_nid for event in new],
        [event.push_default for event in new],
        [array_literal(event.push_except) for event in new],
        [event.json for event in new],
        [event.membership for event in new],
        [event.local for event in new],
        [event.server_nid for event in new],
        [event.stripped for event in new],
        wanted.joined_change,
        wanted.invited_change,
        [event.target_hash for event in new],
        [event.rel_type for event in new],
        [event.rel_key for event in new],
        redact_nid,
        redact_json,
        [row.snapshot_nid for row in wanted.snapshots],
        [row.base_nid for row in wanted.snapshots],
        [row.others for row in wanted.snapshots],
        [row.members for row in wanted.snapshots],
        [row.reach for row in wanted.snapshots],
        *(list(column) for column in zip(*(columns_of(event.placed) for event in new), strict=True)),
        wanted.head_snapshot_nid,
    ]
    appended = await _APPEND.one(database, tenant, *arguments)
    assert appended is not None
    return appended


async def _append_message(database: Database, tenant: Tenant, wanted: Append, event: NewEvent) -> Appended:
    appended = await _APPEND_MESSAGE.one(
        database,
        tenant,
        wanted.room_nid,
        wanted.row_version,
        wanted.device_nid,
        wanted.txn_id,
        event.nid,
        event.event_hash,
        event.depth,
        event.ts,
        event.type_nid,
        event.sender_nid,
        array_literal(event.prev),
        array_literal(event.auth),
        event.snapshot_nid,
        event.thread_nid,
        event.push_default,
        array_literal(event.push_except),
        event.json,
        event.target_hash,
        event.rel_type,
        event.rel_key,
    )
    assert appended is not None
    return appended


COLUMNS = (
    "e.event_nid, e.room_nid, e.event_hash, coalesce(e.position, 0), e.depth, e.ts, e.type_nid, e.key_nid,"
    " e.sender_nid, e.flags, e.snapshot_nid, e.replaces_nid, e.thread_nid, e.redacted_by, e.device_nid, e.txn_id, e.json,"
    " e.key_nid is null and (select true from relation x where x.tenant_id = e.tenant_id and x.target_hash = e.event_hash"
    " limit 1) is not null"
)
"""The columns of `EventRow`, of a table named e. Not `exists`, for which all relations of the tenant may be hashed."""


class _Id(msgspec.Struct, frozen=True):
    event_nid: int
    event_hash: bytes


class _Body(msgspec.Struct, frozen=True):
    event_nid: int
    json: bytes


_IDS = Statement(
    _Id, "select event_nid, event_hash from event where tenant_id = $1 and event_nid = any ($2::bigint[])"
)
_BODIES = Statement(
    _Body, "select event_nid, json from event where tenant_id = $1 and event_nid = any ($2::bigint[])"
)
_BY_NIDS = Statement(
    EventRow, f"select {COLUMNS} from event e where e.tenant_id = $1 and event_nid = any ($2::bigint[])"
)
_BY_HASH = Statement(EventRow, f"select {COLUMNS} from event e where e.tenant_id = $1 and event_hash = $2")
_BACKWARDS = Statement(
    EventRow,
    f"select {COLUMNS} from event e where e.tenant_id = $1 and room_nid = $2 and position <= $3 and position > $4"
    " and flags & 14 = 0 order by position desc limit $5",
)
_FORWARDS = Statement(
    EventRow,
    f"select {COLUMNS} from event e where e.tenant_id = $1 and room_nid = $2 and position > $3 and position <= $4"
    " and flags & 14 = 0 order by position limit $5",
)
_AT_TIME = f"select {COLUMNS} from event e where e.tenant_id = $1 and room_nid = $2 and position <= $4 and flags & 14 = 0"
_UNTIL = Statement(EventRow, f"{_AT_TIME} and ts <= $3 order by ts desc, position desc limit $5")
_FROM = Statement(EventRow, f"{_AT_TIME} and ts >= $3 order by ts, position limit $5")
_LATEST = Statement(
    EventRow,
    f"select e.* from unnest($2::bigint[], $3::bigint[], $4::bigint[]) as w (room, after, up_to) cross join lateral ("
    f" select {COLUMNS} from event e where e.tenant_id = $1 and room_nid = w.room and position > w.after"
    " and position <= w.up_to and flags & 14 = 0 order by position desc limit $5) e",
)


async def event_ids(
    conn: Connection, tenant: Tenant, version: RoomVersion, nids: Iterable[int]
) -> dict[int, EventID]:
    """Event ids of numbers, all of rooms of one version."""
    rows = await _IDS.all(conn, tenant, list(nids))
    return {row.event_nid: event_id_of(version, row.event_hash) for row in rows}


async def bodies(conn: Connection, tenant: Tenant, nids: Iterable[int]) -> dict[int, bytes]:
    """PDUs of numbers."""
    return {row.event_nid: row.json for row in await _BODIES.all(conn, tenant, list(nids))}


async def by_nids(conn: Connection, tenant: Tenant, nids: Iterable[int]) -> dict[int, EventRow]:
    """Events of numbers."""
    return {row.event_nid: row for row in await _BY_NIDS.all(conn, tenant, list(nids))}


async def find(conn: Connection, tenant: Tenant, version: RoomVersion, event_id: str) -> EventRow | None:
    """By event id."""
    try:
        key = event_key(version, event_id)
    except ValueError:
        return None
    return await _BY_HASH.one(conn, tenant, key)


async def page(
    conn: Connection, tenant: Tenant, room_nid: int, *, after: int, up_to: int, limit: int, backwards: bool
) -> list[EventRow]:
    """Events of the positions (after, up_to] in log order, or the newest first; accepted ones only."""
    if backwards:
        return await _BACKWARDS.all(conn, tenant, room_nid, up_to, after, limit)
    return await _FORWARDS.all(conn, tenant, room_nid, after, up_to, limit)


async def around_time(
    conn: Connection, tenant: Tenant, room_nid: int, ts: int, up_to: int, *, limit: int, backwards: bool
) -> list[EventRow]:
    """Accepted events at and after a time, or at and before it; the closest first.

    Looks at the whole room: an index by time would cost every send for a question that is hardly ever asked.
    """
    return await (_UNTIL if backwards else _FROM).all(conn, tenant, room_nid, ts, up_to, limit)


async def newest_of_rooms(
    conn: Connection, tenant: Tenant, windows: Sequence[tuple[int, int, int]], limit: int
) -> dict[int, list[EventRow]]:
    """Per (room, after, up_to) the newest events of the positions (after, up_to], newest first."""
    found: dict[int, list[EventRow]] = {window[0]: [] for window in windows}
    rooms, afters, up_tos = map(list, zip(*windows, strict=True)) if windows else ([], [], [])
    for row in await _LATEST.all(conn, tenant, rooms, afters, up_tos, limit):
        found[row.room_nid].append(row)
    return found
