"""What a sync reads over many rooms at once: receipts, typing, account data, presence, changes of state, counts."""

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class ReceiptRow(msgspec.Struct, frozen=True):
    """A receipt; `kind` 1 is m.read, 2 m.read.private; `thread` '' is unthreaded."""

    room_nid: int
    user_nid: int
    kind: int
    thread: str
    event_hash: bytes
    ts: int


class TypingRow(msgspec.Struct, frozen=True):
    """Somebody who types in a room."""

    room_nid: int
    user_nid: int


class DataRow(msgspec.Struct, frozen=True):
    """Account data; room 0 is global."""

    room_nid: int
    type: str
    content: bytes


class ChangeRow(msgspec.Struct, frozen=True):
    """A change of current state."""

    room_nid: int
    position: int
    key_nid: int
    event_nid: int


class StateRow(msgspec.Struct, frozen=True):
    """An entry of current state."""

    room_nid: int
    key_nid: int
    type_nid: int
    event_nid: int


class MemberChange(msgspec.Struct, frozen=True):
    """A membership that changed."""

    room_nid: int
    user_nid: int
    membership: int


class PresenceRow(msgspec.Struct, frozen=True):
    """Presence of a user: 0 offline, 1 unavailable, 2 online."""

    user_nid: int
    presence: int
    status_msg: str | None
    last_active_ts: int


class UnreadRow(msgspec.Struct, frozen=True):
    """Unread notifications of a room; thread 0 is the main timeline."""

    room_nid: int
    thread_nid: int
    notify: int
    highlight: int


_ROOMS_CHANGED = Statement(
    int, "select distinct room_nid from event where tenant_id = $1 and position > $2 and position <= $3"
)
_RECEIPTS = Statement(
    ReceiptRow,
    "select r.room_nid, r.user_nid, r.kind, r.thread, e.event_hash, r.ts from receipt r"
    " join event e on e.tenant_id = r.tenant_id and e.event_nid = r.event_nid"
    " where r.tenant_id = $1 and r.room_nid = any ($2::bigint[]) and r.position > $3 and r.position <= $4"
    " and (r.kind = 1 or r.user_nid = $5)",
)
_TYPING_ROOMS = Statement(
    int,
    "select distinct room_nid from typing where tenant_id = $1 and position > $2 and position <= $3"
    " and room_nid = any ($4::bigint[])",
)
_TYPING = Statement(
    TypingRow,
    "select room_nid, user_nid from typing where tenant_id = $1 and room_nid = any ($2::bigint[]) and expires_ts > $3"
    " order by room_nid, user_nid",
)
_DATA = Statement(
    DataRow,
    "select room_nid, type, content from account_data where tenant_id = $1 and user_nid = $2 and position > $3"
    " and position <= $4 order by position",
)
_CHANGES = Statement(
    ChangeRow,
    "select c.room_nid, c.position, c.key_nid, c.event_nid from unnest($2::bigint[], $3::bigint[]) w (room, after)"
    " join state_change c on c.tenant_id = $1 and c.room_nid = w.room and c.position > w.after and c.position <= $4"
    " order by c.position",
)
_STATE = Statement(
    StateRow,
    "select room_nid, key_nid, type_nid, event_nid from current_state where tenant_id = $1"
    " and room_nid = any ($2::bigint[]) and event_nid > 0",
)
_STATE_KEYS = Statement(
    StateRow,
    "select room_nid, key_nid, type_nid, event_nid from current_state where tenant_id = $1"
    " and room_nid = any ($2::bigint[]) and key_nid = any ($3::bigint[]) and event_nid > 0",
)
_MEMBER_CHANGES = Statement(
    MemberChange,
    "select room_nid, user_nid, membership from membership where tenant_id = $1 and room_nid = any ($2::bigint[])"
    " and position > $3 and position <= $4",
)
_MEMBERS = Statement(
    MemberChange,
    "select room_nid, user_nid, membership from membership where tenant_id = $1 and room_nid = any ($2::bigint[])"
    " and membership = 1",
)
_HEROES = Statement(
    MemberChange,
    "select w.room, h.user_nid, h.membership from unnest($2::bigint[]) w (room) cross join lateral ("
    " (select user_nid, membership, position, 0 as gone from membership where tenant_id = $1 and room_nid = w.room"
    "  and membership in (1, 2) and user_nid <> $3 order by position, user_nid limit 5)"
    " union all"
    " (select user_nid, membership, position, 1 as gone from membership where tenant_id = $1 and room_nid = w.room"
    "  and membership in (4, 5) and user_nid <> $3 order by position, user_nid limit 5)"
    " order by gone, position, user_nid limit 5) h",
)
_PRESENCE = Statement(
    PresenceRow,
    "select user_nid, presence, status_msg, last_active_ts from presence where tenant_id = $1 and position > $2"
    " and position <= $3 and user_nid = any ($4::bigint[])",
)
_UNREAD_IN = Statement(UnreadRow, "select * from unread_counts($1, $2, $3)")


async def rooms_changed(conn: Connection, tenant: Tenant, after: int, up_to: int) -> set[int]:
    """Rooms of the tenant with events of the positions (after, up_to]."""
    return set(await _ROOMS_CHANGED.all(conn, tenant, after, up_to))


async def receipts(
    conn: Connection, tenant: Tenant, rooms: list[int], after: int, up_to: int, user_nid: int
) -> list[ReceiptRow]:
    """Receipts of some rooms that a user may see."""
    return await _RECEIPTS.all(conn, tenant, rooms, after, up_to, user_nid)


async def typing(
    conn: Connection, tenant: Tenant, rooms: list[int], after: int, up_to: int, now_ms: int
) -> dict[int, list[int]]:
    """Who types, in those rooms where it changed; a room where nobody does any more has an empty list."""
    changed = await _TYPING_ROOMS.all(conn, tenant, after, up_to, rooms)
    found: dict[int, list[int]] = {room: [] for room in changed}
    for row in await _TYPING.all(conn, tenant, changed, now_ms) if changed else ():
        found[row.room_nid].append(row.user_nid)
    return found


async def account_data(
    conn: Connection, tenant: Tenant, user_nid: int, after: int, up_to: int
) -> list[DataRow]:
    """Account data of a user, global and of rooms."""
    return await _DATA.all(conn, tenant, user_nid, after, up_to)


async def state_changes(
    conn: Connection, tenant: Tenant, windows: dict[int, int], up_to: int
) -> list[ChangeRow]:
    """Changes of state after a position per room, in order."""
    return await _CHANGES.all(conn, tenant, list(windows), list(windows.values()), up_to)


async def current_state(conn: Connection, tenant: Tenant, rooms: list[int]) -> dict[int, list[StateRow]]:
    """The whole current state of some rooms."""
    found: dict[int, list[StateRow]] = {room: [] for room in rooms}
    for row in await _STATE.all(conn, tenant, rooms) if rooms else ():
        found[row.room_nid].append(row)
    return found


async def current_state_of_keys(
    conn: Connection, tenant: Tenant, rooms: list[int], keys: list[int]
) -> dict[int, dict[int, int]]:
    """Event numbers of some keys in the current state of some rooms."""
    found: dict[int, dict[int, int]] = {room: {} for room in rooms}
    for row in await _STATE_KEYS.all(conn, tenant, rooms, keys) if rooms else ():
        found[row.room_nid][row.key_nid] = row.event_nid
    return found


async def member_changes(
    conn: Connection, tenant: Tenant, rooms: list[int], after: int, up_to: int
) -> list[MemberChange]:
    """Memberships in some rooms that changed."""
    return await _MEMBER_CHANGES.all(conn, tenant, rooms, after, up_to) if rooms else []


async def joined_members(conn: Connection, tenant: Tenant, rooms: list[int]) -> list[MemberChange]:
    """Who is joined to some rooms."""
    return await _MEMBERS.all(conn, tenant, rooms) if rooms else []


async def heroes(conn: Connection, tenant: Tenant, rooms: list[int], user_nid: int) -> dict[int, list[int]]:
    """The users by whom a client names a room without a name, seen by one user."""
    found: dict[int, list[MemberChange]] = {room: [] for room in rooms}
    for row in await _HEROES.all(conn, tenant, rooms, user_nid) if rooms else ():
        found[row.room_nid].append(row)
    chosen = {}
    for room, rows in found.items():
        present = [row.user_nid for row in rows if row.membership in (1, 2)]
        chosen[room] = present or [row.user_nid for row in rows]
    return chosen


async def presence(
    conn: Connection, tenant: Tenant, users: list[int], after: int, up_to: int
) -> list[PresenceRow]:
    """Presence of some users that changed."""
    return await _PRESENCE.all(conn, tenant, after, up_to, users) if users else []


async def unread(conn: Connection, tenant: Tenant, user_nid: int, rooms: list[int]) -> list[UnreadRow]:
    """Unread notifications of a user, per room and thread."""
    return await _UNREAD_IN.all(conn, tenant, user_nid, rooms) if rooms else []
