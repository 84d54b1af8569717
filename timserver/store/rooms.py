"""Tables `room`, `room_head`, `current_state`, `membership`, `room_summary`: reading; `append_events` writes them."""

import msgspec

from timserver.matrix import errors
from timserver.matrix.event_types import MEMBER
from timserver.matrix.ids import RoomID
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.store import events, snapshots
from timserver.store.database import Connection, Database
from timserver.store.live_rooms import LiveRoom, Member
from timserver.store.statement import Function, Statement
from timserver.tenancy import Tenant


class RoomRow(msgspec.Struct, frozen=True):
    """A row of `room`."""

    room_nid: int
    room_id: str
    room_version: str
    in_directory: bool


class _Head(msgspec.Struct, frozen=True):
    version: int
    extremities: list[int]
    depth: int
    snapshot_nid: int
    position: int


class _StateRow(msgspec.Struct, frozen=True):
    key_nid: int
    event_nid: int
    type_nid: int


class MemberRow(msgspec.Struct, frozen=True):
    """A row of `membership` as seen from the room."""

    user_nid: int
    membership: int
    event_nid: int
    local: bool


class UserRoomRow(msgspec.Struct, frozen=True):
    """A row of `membership` as seen from the user."""

    room_nid: int
    room_id: str
    room_version: str
    membership: int
    event_nid: int
    position: int
    join_position: int | None
    forgotten: bool
    stripped: bytes | None


class _IsJoined(msgspec.Struct, frozen=True):
    room_id: str
    joined: bool


class Counts(msgspec.Struct, frozen=True):
    """A row of `room_summary`."""

    room_nid: int
    joined: int
    invited: int


_FIND = Statement(
    RoomRow,
    "select room_nid, room_id, room_version, in_directory from room where tenant_id = $1 and room_id = $2",
)
_BY_NIDS = Statement(
    RoomRow,
    "select room_nid, room_id, room_version, in_directory from room where tenant_id = $1 and room_nid = any ($2::bigint[])",
)
_BY_IDS = Statement(
    RoomRow,
    "select room_nid, room_id, room_version, in_directory from room where tenant_id = $1 and room_id = any ($2::text[])",
)
_MUTUAL = Statement(
    str,
    "select r.room_id from term u join membership o on o.tenant_id = u.tenant_id and o.user_nid = u.nid"
    " and o.membership = 1 join membership m on m.tenant_id = u.tenant_id and m.room_nid = o.room_nid"
    " and m.user_nid = $2 and m.membership = 1 join room r on r.tenant_id = u.tenant_id and r.room_nid = o.room_nid"
    " where u.tenant_id = $1 and u.name = $3 order by r.room_nid",
)
_HEAD = Statement(
    _Head,
    "select version, extremities, depth, snapshot_nid, position from room_head where tenant_id = $1 and room_nid = $2",
)
_VERSION = Statement(int, "select version from room_head where tenant_id = $1 and room_nid = $2")
_VERSION_NOW = Function(int, "room_version", 2)
_STATE_SINCE = Statement(
    _StateRow,
    "select key_nid, event_nid, type_nid from current_state where tenant_id = $1 and room_nid = $2 and position > $3"
    " and (type_nid <> 2 or event_nid = 0)",
)
_MEMBERS_SINCE = Statement(
    MemberRow,
    "select user_nid, membership, event_nid, local from membership where tenant_id = $1 and room_nid = $2 and position > $3",
)
_ROOMS_OF = Statement(
    UserRoomRow,
    "select m.room_nid, r.room_id, r.room_version, m.membership, m.event_nid, m.position, m.join_position, m.forgotten,"
    " m.stripped from membership m join room r on r.tenant_id = m.tenant_id and r.room_nid = m.room_nid"
    " where m.tenant_id = $1 and m.user_nid = $2",
)
_ROOM_OF = Statement(
    UserRoomRow,
    "select m.room_nid, r.room_id, r.room_version, m.membership, m.event_nid, m.position, m.join_position, m.forgotten,"
    " m.stripped from membership m join room r on r.tenant_id = m.tenant_id and r.room_nid = m.room_nid"
    " where m.tenant_id = $1 and m.user_nid = $2 and m.room_nid = $3",
)
_JOINED = Statement(
    int, "select room_nid from membership where tenant_id = $1 and user_nid = $2 and membership = 1"
)
_SOME_ROOMS_OF = Statement(
    UserRoomRow,
    "select m.room_nid, r.room_id, r.room_version, m.membership, m.event_nid, m.position, m.join_position, m.forgotten,"
    " m.stripped from membership m join room r on r.tenant_id = m.tenant_id and r.room_nid = m.room_nid"
    " where m.tenant_id = $1 and m.user_nid = $2 and m.room_nid = any ($3::bigint[])",
)
_WITH = Statement(
    UserRoomRow,
    "select m.room_nid, r.room_id, r.room_version, m.membership, m.event_nid, m.position, m.join_position, m.forgotten,"
    " m.stripped from membership m join room r on r.tenant_id = m.tenant_id and r.room_nid = m.room_nid"
    " join membership o on o.tenant_id = m.tenant_id and o.room_nid = m.room_nid and o.user_nid = $3"
    " where m.tenant_id = $1 and m.user_nid = $2 and o.membership = 1 order by m.room_nid desc limit 1",
)
_SHARED = Statement(
    int,
    "select distinct o.user_nid from membership m join membership o on o.tenant_id = m.tenant_id"
    " and o.room_nid = m.room_nid and o.membership = 1"
    " where m.tenant_id = $1 and m.user_nid = $2 and m.membership = 1 and o.user_nid <> $2",
)
_MEMBERSHIP_IN = Statement(
    _IsJoined,
    "select r.room_id, exists (select from membership m where m.tenant_id = $1 and m.room_nid = r.room_nid"
    " and m.user_nid = $2 and m.membership = 1) from room r where r.tenant_id = $1 and r.room_id = any ($3::text[])"
    " and exists (select from membership o where o.tenant_id = $1 and o.room_nid = r.room_nid and o.local"
    " and o.membership = 1)",
)
_COUNTS = Statement(
    Counts,
    "select room_nid, joined, invited from room_summary where tenant_id = $1 and room_nid = any ($2::bigint[])",
)
_WITH_LOCAL = Statement(
    int,
    "select r.nid from unnest($2::bigint[]) r (nid) where exists (select from membership m where m.tenant_id = $1"
    " and m.room_nid = r.nid and m.membership = 1 and m.local)",
)
_FORGET = Statement(
    int,
    "update membership set forgotten = true where tenant_id = $1 and user_nid = $2 and room_nid = $3"
    " and membership in (4, 5) returning 1",
)
_SET_DIRECTORY = Statement(
    int, "update room set in_directory = $3 where tenant_id = $1 and room_nid = $2 returning 1"
)
_IN_DIRECTORY = Statement(
    RoomRow,
    "select room_nid, room_id, room_version, in_directory from room where tenant_id = $1 and in_directory",
)


async def with_local_members(conn: Connection, tenant: Tenant, room_nids: list[int]) -> set[int]:
    """Those of the rooms in which somebody of this server is."""
    return set(await _WITH_LOCAL.all(conn, tenant, room_nids)) if room_nids else set()


async def find_room(conn: Connection, tenant: Tenant, room_id: str) -> RoomRow | None:
    """By room id."""
    return await _FIND.one(conn, tenant, room_id)


async def rooms_by_nid(conn: Connection, tenant: Tenant, room_nids: list[int]) -> dict[int, RoomRow]:
    """By numbers."""
    return {row.room_nid: row for row in await _BY_NIDS.all(conn, tenant, room_nids)}


async def rooms_by_id(conn: Connection, tenant: Tenant, room_ids: list[str]) -> list[RoomRow]:
    """By room ids, as far as they are known here."""
    return await _BY_IDS.all(conn, tenant, room_ids)


async def mutual_rooms(conn: Connection, tenant: Tenant, user_nid: int, other: str) -> list[str]:
    """Ids of rooms where a user and another one are joined."""
    return await _MUTUAL.all(conn, tenant, user_nid, other.encode())


async def load(conn: Connection, tenant: Tenant, row: RoomRow) -> LiveRoom:
    """A room into memory."""
    room = LiveRoom(row.room_nid, RoomID(row.room_id), ROOM_VERSIONS[row.room_version])
    await refresh(conn, tenant, room)
    return room


async def refresh(conn: Connection, tenant: Tenant, room: LiveRoom) -> None:
    """Bring a room up to date by what changed after its position; a room that was just made is filled.

    Raises `Forbidden` for a room that is gone. Needs a transaction on one snapshot, or the parts would be of different times.
    """
    head = await _HEAD.one(conn, tenant, room.room_nid)
    if head is None:  # another process has purged it
        raise errors.Forbidden("You are not in this room")
    gone = set()
    for state in await _STATE_SINCE.all(conn, tenant, room.room_nid, room.position):
        if state.type_nid == MEMBER:
            gone.add(state.key_nid)
        elif state.event_nid:
            room.others[state.key_nid] = state.event_nid
        else:
            room.others.pop(state.key_nid, None)
    changed = await _MEMBERS_SINCE.all(conn, tenant, room.room_nid, room.position)
    if changed:
        room.change_members(
            {
                row.user_nid: Member(row.membership, 0 if row.user_nid in gone else row.event_nid, row.local)
                for row in changed
            }
        )
    room.chain_ends = {}
    if head.snapshot_nid != room.chain.nid:
        room.chain = await snapshots.read_chain(conn, tenant, head.snapshot_nid)
    ids = await events.event_ids(conn, tenant, room.version, head.extremities)
    room.extremities = [(nid, ids[nid]) for nid in head.extremities]
    room.row_version, room.depth, room.position = head.version, head.depth, head.position


async def is_current(conn: Connection, tenant: Tenant, room: LiveRoom) -> bool:
    """Has nobody appended to the room since it was brought up to date here?"""
    return await _VERSION.one(conn, tenant, room.room_nid) == room.row_version


async def is_current_now(database: Database, tenant: Tenant, room: LiveRoom) -> bool:
    """As `is_current`, for who has no transaction: one round trip."""
    return await _VERSION_NOW.one(database, tenant, room.room_nid) == room.row_version


async def rooms_of(conn: Connection, tenant: Tenant, user_nid: int) -> list[UserRoomRow]:
    """Every room a user ever had to do with."""
    return await _ROOMS_OF.all(conn, tenant, user_nid)


async def newest_with(conn: Connection, tenant: Tenant, user_nid: int, other_nid: int) -> UserRoomRow | None:
    """Of the rooms that a user has to do with and another one is in, the newest."""
    return await _WITH.one(conn, tenant, user_nid, other_nid)


async def joined_nids(conn: Connection, tenant: Tenant, user_nid: int) -> list[int]:
    """Numbers of the rooms that a user is in."""
    return await _JOINED.all(conn, tenant, user_nid)


async def some_rooms_of(
    conn: Connection, tenant: Tenant, user_nid: int, room_nids: list[int]
) -> list[UserRoomRow]:
    """Some rooms of a user."""
    return await _SOME_ROOMS_OF.all(conn, tenant, user_nid, room_nids) if room_nids else []


async def room_of(conn: Connection, tenant: Tenant, user_nid: int, room_nid: int) -> UserRoomRow | None:
    """One room of a user."""
    return await _ROOM_OF.one(conn, tenant, user_nid, room_nid)


async def membership_in(
    conn: Connection, tenant: Tenant, user_nid: int, room_ids: list[str]
) -> dict[str, bool]:
    """Is the user, local or not, joined to these rooms? Only rooms with a joined local user are told: of others
    nothing here is current.
    """
    rows = await _MEMBERSHIP_IN.all(conn, tenant, user_nid, room_ids)
    return {row.room_id: row.joined for row in rows}


async def users_sharing_rooms(conn: Connection, tenant: Tenant, user_nid: int) -> set[int]:
    """Who is joined to a room where the user is joined; without the user."""
    return set(await _SHARED.all(conn, tenant, user_nid))


async def counts(conn: Connection, tenant: Tenant, room_nids: list[int]) -> dict[int, Counts]:
    """Numbers of joined and invited."""
    return {row.room_nid: row for row in await _COUNTS.all(conn, tenant, room_nids)}


async def forget(conn: Connection, tenant: Tenant, user_nid: int, room_nid: int) -> bool:
    """Take a room that was left out of the user's sight; False when it was not left."""
    return await _FORGET.one(conn, tenant, user_nid, room_nid) is not None


async def set_in_directory(conn: Connection, tenant: Tenant, room_nid: int, listed: bool) -> None:
    """List the room in the tenant's directory, or not."""
    await _SET_DIRECTORY.run(conn, tenant, room_nid, listed)


async def listed_rooms(conn: Connection, tenant: Tenant) -> list[RoomRow]:
    """The tenant's room directory."""
    return await _IN_DIRECTORY.all(conn, tenant)
