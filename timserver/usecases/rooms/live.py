"""Step: a room in memory, and the state events that decisions read."""

from collections.abc import Iterable

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import RoomID
from timserver.store import rooms, terms
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.events.stored_events import events_of


async def live_room(ctx: Context, tenant: Tenant, room_id: RoomID) -> LiveRoom | None:
    """The room, from memory or the database; None when the tenant does not know it.

    What it says may be behind another process's writes; who must know asks the database, or appends.
    """
    nid = ctx.caches.room_nids.get((tenant.tenant_id, room_id))
    room = ctx.caches.rooms.get((tenant.tenant_id, nid)) if nid else None
    if room is not None:
        return room
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        row = await rooms.find_room(conn, tenant, room_id)
        if row is None:
            return None
        room = await rooms.load(conn, tenant, row)
    return remember(ctx, tenant, room)


def remember(ctx: Context, tenant: Tenant, room: LiveRoom) -> LiveRoom:
    """Keep a room in memory; the one that is there already wins."""
    known = ctx.caches.rooms.get((tenant.tenant_id, room.room_nid))
    if known is not None:
        return known
    ctx.caches.room_nids.put((tenant.tenant_id, room.room_id), room.room_nid)
    return ctx.caches.rooms.put((tenant.tenant_id, room.room_nid), room)


async def must_live_room(ctx: Context, tenant: Tenant, room_id: RoomID) -> LiveRoom:
    """As `live_room`; raises `Forbidden` for an unknown room, which looks like one that the user is not in."""
    room = await live_room(ctx, tenant, room_id)
    if room is None:
        raise errors.Forbidden("You are not in this room")
    return room


async def refresh_room(ctx: Context, tenant: Tenant, room: LiveRoom) -> None:
    """Bring the room up to date with the database."""
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        await rooms.refresh(conn, tenant, room)


async def catch_up(ctx: Context, tenant: Tenant, room: LiveRoom) -> bool:
    """Bring the room up to date if another process has appended to it; was that so? For who holds the room's lock."""
    if await rooms.is_current_now(ctx.database, tenant, room):
        return False
    await refresh_room(ctx, tenant, room)
    return True


async def current_room(ctx: Context, tenant: Tenant, room_id: RoomID) -> LiveRoom | None:
    """As `live_room`, and not behind any other process: for decisions that no append checks again."""
    room = await live_room(ctx, tenant, room_id)
    if room is not None:
        async with room.lock:
            await catch_up(ctx, tenant, room)
    return room


async def must_current_room(ctx: Context, tenant: Tenant, room_id: RoomID) -> LiveRoom:
    """As `current_room`; raises `Forbidden` for an unknown room."""
    room = await current_room(ctx, tenant, room_id)
    if room is None:
        raise errors.Forbidden("You are not in this room")
    return room


async def state_events(
    ctx: Context, tenant: Tenant, room: LiveRoom, keys: Iterable[StateKey]
) -> dict[StateKey, tuple[int, Event]]:
    """Current state events under some keys, as far as there are any, with their numbers."""
    wanted = list(keys)
    key_nids = await terms.key_nids(ctx.database, ctx.caches, tenant, wanted)
    nids = {
        key: nid
        for key, key_nid in zip(wanted, key_nids, strict=True)
        if (nid := room.event_nid(key[0], key_nid))
    }
    found = await events_of(ctx, tenant, room, nids.values())
    return {key: (nid, found[nid]) for key, nid in nids.items()}


async def state_event(
    ctx: Context, tenant: Tenant, room: LiveRoom, event_type: str, state_key: str = ""
) -> Event | None:
    """One current state event."""
    found = await state_events(ctx, tenant, room, [(event_type, state_key)])
    return found[event_type, state_key][1] if found else None
