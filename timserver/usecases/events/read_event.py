"""A local user reads one event of a room, alone or with what happened around it."""

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.filters import RoomEventFilter
from timserver.matrix.ids import EventID, RoomID
from timserver.store import events
from timserver.store.database import Connection
from timserver.store.events import OUTLIER, REJECTED, SOFT_FAILED, EventRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.filtering import filtered
from timserver.usecases.events.ignored import ignored_users
from timserver.usecases.events.rendering import Reader, render
from timserver.usecases.events.visible import Seen, visible
from timserver.usecases.rooms import state_at
from timserver.usecases.rooms.access import POSITION_MIN, Access, read_access
from timserver.usecases.rooms.live import must_live_room

_HIDDEN = OUTLIER | REJECTED | SOFT_FAILED


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """An event, what was before it (newest first) and after it; positions before the first and behind the last."""

    event: Raw
    before: list[Raw]
    after: list[Raw]
    start: int
    end: int
    state: list[Raw]


async def find_visible(
    conn: Connection, tenant: Tenant, user_nid: int, access: Access, event_id: EventID
) -> Seen:
    """Step: an event of the room. Raises `NotFound` for one that the user may not see."""
    room = access.room
    row = await events.find(conn, tenant, room.version, event_id)
    if row is not None and row.room_nid == room.room_nid and not row.flags & _HIDDEN:
        seen = await visible(conn, tenant, user_nid, access.row, [row])
        if seen:
            return seen[0]
    raise errors.NotFound("Event not found")


async def read_event(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, event_id: EventID
) -> Raw:
    """The event. Raises `NotFound` also for who may not read the room.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid
    """
    try:
        room = await must_live_room(ctx, tenant, room_id)
        async with ctx.database.transaction(tenant, snapshot=True) as conn:
            access = await read_access(conn, tenant, requester.user_nid, room)
            seen = await find_visible(conn, tenant, requester.user_nid, access, event_id)
            ignored = await ignored_users(ctx, conn, tenant, requester.user_nid)
            reader = Reader(user_nid=requester.user_nid, device_nid=requester.device_nid, ignored=ignored)
            return (await render(ctx, conn, tenant, room.room_id, room.version, reader, [seen]))[0]
    except errors.Forbidden:
        raise errors.NotFound("Event not found") from None


async def read_context(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    event_id: EventID,
    wanted: RoomEventFilter,
    limit: int,
) -> Surroundings:
    """The event and at most `limit` events around it. Raises `Forbidden` and `NotFound`.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidcontexteventid
    """
    room = await must_live_room(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        access = await read_access(conn, tenant, requester.user_nid, room)
        middle = await find_visible(conn, tenant, requester.user_nid, access, event_id)
        ignored = await ignored_users(ctx, conn, tenant, requester.user_nid)
        reader = Reader(user_nid=requester.user_nid, device_nid=requester.device_nid, ignored=ignored)
        before, start = await around(
            conn, tenant, requester.user_nid, access, middle.row, limit // 2, backwards=True
        )
        after, end = await around(
            conn, tenant, requester.user_nid, access, middle.row, limit - limit // 2, backwards=False
        )
        before = await filtered(ctx, conn, tenant, wanted, room_id, before, ignored)
        after = await filtered(ctx, conn, tenant, wanted, room_id, after, ignored)
        everything = [*before, middle, *after]
        last = after[-1].row if after else middle.row
        state = await _state(conn, tenant, last, wanted, {item.row.sender_nid for item in everything})
        shown = [*everything, *(Seen(row, "join") for row in state)]
        raws = await render(ctx, conn, tenant, room.room_id, room.version, reader, shown)
    place, behind = len(before), len(everything)
    return Surroundings(
        event=raws[place],
        before=raws[:place],
        after=raws[place + 1 : behind],
        start=start,
        end=end,
        state=raws[behind:],
    )


async def around(
    conn: Connection,
    tenant: Tenant,
    user_nid: int,
    access: Access,
    row: EventRow,
    limit: int,
    *,
    backwards: bool,
) -> tuple[list[Seen], int]:
    """Step: events on one side, from the middle outwards, and the position behind them."""
    rows = await events.page(
        conn,
        tenant,
        access.room.room_nid,
        after=POSITION_MIN if backwards else row.position,
        up_to=row.position - 1 if backwards else access.up_to,
        limit=limit,
        backwards=backwards,
    )
    last = rows[-1].position if rows else row.position
    seen = await visible(conn, tenant, user_nid, access.row, rows)
    return seen, last - 1 if backwards else last


async def _state(
    conn: Connection, tenant: Tenant, last: EventRow, wanted: RoomEventFilter, senders: set[int]
) -> list[EventRow]:
    state = await state_at.after(conn, tenant, last)
    needed = (state.values(senders) if wanted.lazy_load_members else state.members).values()
    return await state_at.rows_of(conn, tenant, {*state.others.values(), *needed})
