"""A local user reads what relates to an event, and the threads of a room.

Spec: https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events
"""

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix.event_types import TYPE_NIDS
from timserver.matrix.filters import RoomEventFilter
from timserver.matrix.ids import EventID, RoomID
from timserver.store import events, relations, terms
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.filtering import filtered
from timserver.usecases.events.ignored import ignored_users
from timserver.usecases.events.read_event import find_visible
from timserver.usecases.events.rendering import Reader, render
from timserver.usecases.events.visible import visible
from timserver.usecases.rooms.access import POSITION_MAX, POSITION_MIN, Access, read_access
from timserver.usecases.rooms.live import must_live_room

RECURSION_DEPTH = 3


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which relations; `start` and `to` are positions."""

    event_id: EventID
    rel_type: str | None = None
    event_type: str | None = None
    start: int | None = None
    to: int | None = None
    backwards: bool = True
    recurse: bool = False
    limit: int


class Found(msgspec.Struct, frozen=True):
    """Events, and the position where the next page begins; None when there is none."""

    chunk: list[Raw]
    next: int | None


async def read_relations(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, asked: Asked
) -> Found:
    """One page of the events that relate to one. Raises `Forbidden` and `NotFound`."""
    room = await must_live_room(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        access = await read_access(conn, tenant, requester.user_nid, room)
        target = await find_visible(conn, tenant, requester.user_nid, access, asked.event_id)
        type_nid = None
        if asked.event_type is not None:
            type_nid = await _type_nid(ctx, conn, tenant, asked.event_type)
        wanted = relations.Page(
            rel_type=asked.rel_type,
            type_nid=type_nid,
            depth_max=RECURSION_DEPTH if asked.recurse else 1,
            after=_or(POSITION_MIN, asked.to if asked.backwards else asked.start),
            up_to=min(access.up_to, _or(POSITION_MAX, asked.start if asked.backwards else asked.to)),
            limit=asked.limit + 1,
            backwards=asked.backwards,
        )
        rows = await relations.page(conn, tenant, room.room_nid, target.row.event_hash, wanted)
        chunk = await _rendered(ctx, conn, tenant, requester, access, rows[: asked.limit])
    if len(rows) <= asked.limit or not asked.limit:
        return Found(chunk, None)
    last = rows[asked.limit - 1].position
    return Found(chunk, last - 1 if asked.backwards else last)


async def read_threads(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    *,
    start: int | None,
    participated: bool,
    limit: int,
) -> Found:
    """Roots of threads, the one with the newest event first. Raises `Forbidden`.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidthreads
    """
    room = await must_live_room(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        access = await read_access(conn, tenant, requester.user_nid, room)
        ignored = await ignored_users(ctx, conn, tenant, requester.user_nid)
        threads = await relations.threads(
            conn,
            tenant,
            room.room_nid,
            requester.user_nid,
            ignored,
            up_to=min(access.up_to, _or(POSITION_MAX, start)),
            participated=participated,
            limit=limit + 1,
        )
        shown = threads[:limit]
        found = await events.by_nids(conn, tenant, [thread.event_nid for thread in shown])
        rows = [found[thread.event_nid] for thread in shown]
        chunk = await _rendered(ctx, conn, tenant, requester, access, rows)
    return Found(chunk, shown[-1].latest - 1 if len(threads) > limit else None)


def _or(default: int, position: int | None) -> int:
    return default if position is None else position


async def _type_nid(ctx: Context, conn: Connection, tenant: Tenant, event_type: str) -> int:
    """Number of a type; -1, which no event has, for one that nobody here has used."""
    if event_type in TYPE_NIDS:
        return TYPE_NIDS[event_type]
    return (await terms.find(conn, ctx.caches, tenant, [event_type])).get(event_type, -1)


async def _rendered(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    requester: Requester,
    access: Access,
    rows: list[EventRow],
) -> list[Raw]:
    room = access.room
    seen = await visible(conn, tenant, requester.user_nid, access.row, rows)
    ignored = await ignored_users(ctx, conn, tenant, requester.user_nid)
    seen = await filtered(ctx, conn, tenant, RoomEventFilter(), room.room_id, seen, ignored)
    reader = Reader(user_nid=requester.user_nid, device_nid=requester.device_nid, ignored=ignored)
    return await render(ctx, conn, tenant, room.room_id, room.version, reader, seen)
