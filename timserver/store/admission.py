"""Other servers' events into the tables of a room; the statements are in `migrations/functions`."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from timserver.core import Placed
from timserver.matrix.ids import RoomID
from timserver.matrix.room_versions import RoomVersion
from timserver.store.chains import columns_of
from timserver.store.database import Connection, Database
from timserver.store.events import STALE, Appended, NewEvent, array_literal
from timserver.store.snapshots import SnapshotRow
from timserver.store.statement import Function, Statement
from timserver.tenancy import Tenant


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """One key of the current state gets another event; `event_nid` 0 takes it away."""

    key_nid: int
    type_nid: int
    event_nid: int
    old_nid: int
    membership: int | None = None
    local: bool | None = None
    server_nid: int | None = None
    """Of a member of another server."""
    stripped: bytes | None = None


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """One event with all that follows from it. `flags` are those of `store.events`; with one of them the event is kept
    without becoming part of the room.
    """

    room_nid: int
    row_version: int
    event: NewEvent
    flags: int = 0
    extremities: Sequence[int]
    head_snapshot_nid: int
    snapshots: Sequence[SnapshotRow] = ()
    changes: Sequence[StateChange] = ()
    joined_change: int = 0
    invited_change: int = 0
    redact: tuple[int, bytes] | None = None
    early_target: bytes | None = None
    """The event that this redaction is for, when it is not here yet."""
    redacted_by: int | None = None
    """The redaction that was here before; the event's JSON is pruned then."""
    missing: Sequence[bytes] = ()
    forward: bool = False
    is_guess: bool = False
    """Nobody has looked for the event, or for a redaction of it that was here before; then it is stale."""


class Outlier(msgspec.Struct, frozen=True, kw_only=True):
    """An event that stands for itself: part of a state or an auth chain. `flags` may say that it was rejected."""

    nid: int
    event_hash: bytes
    flags: int
    depth: int
    ts: int
    type_nid: int
    key_nid: int | None
    sender_nid: int
    prev: Sequence[int]
    """All events that it follows; empty when one of them is not here."""
    auth: Sequence[int]
    placed: Placed | None
    json: bytes


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Events from before the beginning of a room's history here, the newest first."""

    room_nid: int
    events: Sequence[NewEvent]
    flags: Sequence[int]
    snapshots: Sequence[SnapshotRow]
    missing: Sequence[tuple[bytes, int]]
    """Events that are named and are not here, with the number of who names them."""
    early: Sequence[tuple[bytes, int]] = ()
    """Events that are redacted and are not here, with the number of the redaction."""


class OutOfBand(msgspec.Struct, frozen=True, kw_only=True):
    """A membership of a local user in a room that the tenant is not in."""

    room_nid: int
    nid: int
    event_hash: bytes
    depth: int
    ts: int
    user_nid: int
    sender_nid: int
    membership: int
    stripped: bytes | None
    json: bytes


_ADMIT = Function(Appended, "admit_event", 49)
_OUTLIERS = Function(int, "insert_outliers", 16)
_HISTORY = Function(int, "insert_history", 28)
_OUT_OF_BAND = Function(int, "store_out_of_band", 11)
_ENSURE_ROOM = Function(int, "ensure_room", 5)
_EARLY = Statement(int, "select event_nid from early_redaction where tenant_id = $1 and target_hash = $2")
_NOTE_EARLY = Statement(
    int,
    "insert into early_redaction (tenant_id, target_hash, event_nid) values ($1, $2, $3) on conflict do nothing",
)


def _snapshot_arrays(rows: Sequence[SnapshotRow]) -> list[Any]:
    return [
        [row.snapshot_nid for row in rows],
        [row.base_nid for row in rows],
        [row.others for row in rows],
        [row.members for row in rows],
        [row.reach for row in rows],
    ]


async def admit(database: Database, tenant: Tenant, wanted: Admission) -> Appended:
    """One round trip, one commit. Status `KNOWN` and `STALE` as in `store.events`."""
    new = wanted.event
    redact_nid, redact_json = wanted.redact or (None, None)
    chain_nid, chain_position, vector = columns_of(new.placed)
    changes = wanted.changes
    arguments = [
        wanted.room_nid,
        wanted.row_version,
        new.nid,
        new.event_hash,
        wanted.flags,
        new.depth,
        new.ts,
        new.type_nid,
        new.key_nid,
        new.sender_nid,
        array_literal(new.prev),
        array_literal(new.auth),
        new.snapshot_nid,
        new.replaces_nid,
        new.thread_nid,
        new.push_default,
        array_literal(new.push_except),
        new.json,
        chain_nid,
        chain_position,
        vector,
        new.target_hash,
        new.rel_type,
        new.rel_key,
        redact_nid,
        redact_json,
        wanted.early_target,
        wanted.redacted_by,
        wanted.extremities,
        wanted.head_snapshot_nid,
        *_snapshot_arrays(wanted.snapshots),
        [change.key_nid for change in changes],
        [change.type_nid for change in changes],
        [change.event_nid for change in changes],
        [change.old_nid for change in changes],
        [change.membership for change in changes],
        [change.local for change in changes],
        [change.server_nid for change in changes],
        [change.stripped for change in changes],
        wanted.joined_change,
        wanted.invited_change,
        wanted.missing,
        wanted.forward,
        wanted.is_guess,
    ]
    try:
        admitted = await _ADMIT.one(database, tenant, *arguments)
    except asyncpg.SerializationError:  # somebody stored the event at the same moment
        return Appended(STALE, 0, 0, b"")
    assert admitted is not None
    return admitted


async def insert_outliers(database: Database, tenant: Tenant, room_nid: int, new: Sequence[Outlier]) -> bool:
    """All or none: False when somebody else has stored one of them, under another number.

    By arrays, not by COPY: that is refused for tables with row-level security, and knows no conflicts. By way of a temporary
    table it takes as long (40,000 events by 1,000: 1.9 s, and 1.6 s of processor time with the database's, either way) and
    no less memory, but leaves rows in the catalogs for each table.
    """
    columns = [columns_of(event.placed) for event in new]
    arguments = [
        room_nid,
        [event.nid for event in new],
        [event.event_hash for event in new],
        [event.flags for event in new],
        [event.depth for event in new],
        [event.ts for event in new],
        [event.type_nid for event in new],
        [event.key_nid for event in new],
        [event.sender_nid for event in new],
        [array_literal(event.prev) for event in new],
        [array_literal(event.auth) for event in new],
        [chain[0] for chain in columns],
        [chain[1] for chain in columns],
        [chain[2] for chain in columns],
        [event.json for event in new],
    ]
    try:
        await _OUTLIERS.one(database, tenant, *arguments)
    except asyncpg.SerializationError:
        return False
    return True


async def insert_history(database: Database, tenant: Tenant, history: History) -> int | None:
    """How many were not known as part of the room. None, and nothing written, when somebody else has stored one of them,
    under another number.
    """
    new = history.events
    arguments = [
        history.room_nid,
        [event.nid for event in new],
        [event.event_hash for event in new],
        list(history.flags),
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
        [event.json for event in new],
        *_snapshot_arrays(history.snapshots),
        [event_hash for event_hash, _ in history.missing],
        [named_by for _, named_by in history.missing],
        [event.target_hash for event in new],
        [event.rel_type for event in new],
        [event.rel_key for event in new],
        [target for target, _ in history.early],
        [nid for _, nid in history.early],
    ]
    try:
        return await _HISTORY.one(database, tenant, *arguments) or 0
    except asyncpg.SerializationError:
        return None


async def store_out_of_band(database: Database, tenant: Tenant, wanted: OutOfBand) -> int:
    """The position at which the membership stands in the log."""
    position = await _OUT_OF_BAND.one(
        database,
        tenant,
        wanted.room_nid,
        wanted.nid,
        wanted.event_hash,
        wanted.depth,
        wanted.ts,
        wanted.user_nid,
        wanted.sender_nid,
        wanted.membership,
        wanted.stripped,
        wanted.json,
    )
    assert position is not None
    return position


async def ensure_room(
    database: Database, tenant: Tenant, room_id: RoomID, version: RoomVersion, now_ms: int
) -> int:
    """Number of a room, whether it was known or not."""
    (nid,) = await database.take_nids(1)
    found = await _ENSURE_ROOM.one(database, tenant, nid, room_id, version.identifier, now_ms)
    assert found is not None
    return found


async def early_redactions(conn: Connection, tenant: Tenant, event_hash: bytes) -> list[int]:
    """Redactions of an event that were here before it."""
    return await _EARLY.all(conn, tenant, event_hash)


async def note_early_redaction(
    conn: Connection, tenant: Tenant, event_hash: bytes, redaction_nid: int
) -> None:
    """A redaction of an event that is not here, sent by one of our users."""
    await _NOTE_EARLY.run(conn, tenant, event_hash, redaction_nid)
