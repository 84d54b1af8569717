"""Step: the state of a room as a reader may see it, or at a point of its history."""

from collections.abc import Collection

from timserver.matrix.client_event import membership_of
from timserver.store import events, room_state, snapshots
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.store.live_rooms import MEMBERSHIP_CODES
from timserver.store.snapshots import RoomState
from timserver.tenancy import Tenant
from timserver.usecases.rooms.access import POSITION_MIN, Access


async def after(conn: Connection, tenant: Tenant, row: EventRow) -> RoomState:
    """The state after an event."""
    state = (await snapshots.read_states(conn, tenant, [row.snapshot_nid]))[row.snapshot_nid]
    return state.after(row.event_nid, row.type_nid, row.key_nid)


async def rows_of(conn: Connection, tenant: Tenant, nids: Collection[int]) -> list[EventRow]:
    """Some events, oldest first."""
    found = await events.by_nids(conn, tenant, nids) if nids else {}
    return sorted(found.values(), key=lambda row: row.position)


async def whole(conn: Connection, tenant: Tenant, access: Access) -> list[EventRow]:
    """All state that the reader may see."""
    if access.left is None:
        return await room_state.whole(conn, tenant, access.room.room_nid)
    return await rows_of(conn, tenant, (await after(conn, tenant, access.left)).numbers)


async def entry(conn: Connection, tenant: Tenant, access: Access, key_nid: int) -> EventRow | None:
    """What stands under one key."""
    if access.left is None:
        return await room_state.entry(conn, tenant, access.room.room_nid, key_nid)
    nid = (await after(conn, tenant, access.left)).get(key_nid)
    return (await events.by_nids(conn, tenant, [nid]))[nid] if nid else None


async def members(
    conn: Connection, tenant: Tenant, access: Access, wanted: set[str], at: int | None
) -> list[EventRow]:
    """Member events of those who have one of the memberships, now or after a position of the log."""
    if at is None and access.left is None:
        codes = [MEMBERSHIP_CODES[name] for name in wanted]
        return await room_state.members(conn, tenant, access.room.room_nid, codes)
    last = await _last_before(conn, tenant, access, at)
    if last is None:
        return []
    found = (await after(conn, tenant, last)).members
    return [row for row in await rows_of(conn, tenant, found.values()) if membership_of(row.json) in wanted]


async def _last_before(conn: Connection, tenant: Tenant, access: Access, at: int | None) -> EventRow | None:
    if at is None or at >= access.up_to:
        return access.left
    page = await events.page(
        conn, tenant, access.room.room_nid, after=POSITION_MIN, up_to=at, limit=1, backwards=True
    )
    return page[0] if page else None
