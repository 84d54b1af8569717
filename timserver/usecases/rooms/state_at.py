"""Step: the state of a room as a reader may see it, or at a point of its history."""

from timserver.matrix.client_event import membership_of
from timserver.matrix.event_types import MEMBER
from timserver.store import events, room_state, snapshots
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.store.live_rooms import MEMBERSHIP_CODES
from timserver.store.snapshots import State
from timserver.tenancy import Tenant
from timserver.usecases.rooms.access import POSITION_MIN, Access


async def after(conn: Connection, tenant: Tenant, row: EventRow) -> tuple[State, State]:
    """(others, members) after an event."""
    others, members, _ = (await snapshots.read_states(conn, tenant, [row.snapshot_nid]))[row.snapshot_nid]
    if row.key_nid is not None:
        (members if row.type_nid == MEMBER else others)[row.key_nid] = row.event_nid
    return others, members


async def rows_of(conn: Connection, tenant: Tenant, state: State) -> list[EventRow]:
    """Events of a state, oldest first."""
    found = await events.by_nids(conn, tenant, state.values()) if state else {}
    return sorted(found.values(), key=lambda row: row.position)


async def whole(conn: Connection, tenant: Tenant, access: Access) -> list[EventRow]:
    """All state that the reader may see."""
    if access.left is None:
        return await room_state.whole(conn, tenant, access.room.room_nid)
    others, members = await after(conn, tenant, access.left)
    return await rows_of(conn, tenant, {**others, **members})


async def entry(conn: Connection, tenant: Tenant, access: Access, key_nid: int) -> EventRow | None:
    """What stands under one key."""
    if access.left is None:
        return await room_state.entry(conn, tenant, access.room.room_nid, key_nid)
    others, members = await after(conn, tenant, access.left)
    nid = others.get(key_nid) or members.get(key_nid)
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
    _, found = await after(conn, tenant, last)
    return [row for row in await rows_of(conn, tenant, found) if membership_of(row.json) in wanted]


async def _last_before(conn: Connection, tenant: Tenant, access: Access, at: int | None) -> EventRow | None:
    if at is None or at >= access.up_to:
        return access.left
    page = await events.page(
        conn, tenant, access.room.room_nid, after=POSITION_MIN, up_to=at, limit=1, backwards=True
    )
    return page[0] if page else None
