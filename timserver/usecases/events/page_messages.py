"""A local user pages through a room's events, in either direction.

Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmessages
"""

from collections.abc import Collection

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix import filters
from timserver.matrix.filters import RoomEventFilter
from timserver.matrix.ids import RoomID
from timserver.store import events, log
from timserver.store.database import Connection
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.filtering import filtered
from timserver.usecases.events.ignored import ignored_users
from timserver.usecases.events.lazy_members import senders_members
from timserver.usecases.events.rendering import Reader, render
from timserver.usecases.events.visible import Seen, visible
from timserver.usecases.federation.backfilling import backfill
from timserver.usecases.rooms.access import POSITION_MAX, POSITION_MIN, Access, read_access
from timserver.usecases.rooms.live import must_live_room

_SCAN_MIN = 50
_SCANS_MAX = 20
_BACKFILLS_MAX = 5


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """From where to where (positions; None: from the end in the direction's back, to the other end), and what."""

    start: int | None
    to: int | None
    backwards: bool
    filter: RoomEventFilter
    limit: int


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Events, and the positions before the first and behind the last.

    `end` is None when there are no more, which only a page without events says: the `start` of that one is then the
    place where the room begins (or ends), from which a client can go in the other direction.
    """

    start: int
    end: int | None
    chunk: list[Raw]
    state: list[Raw]


class _Scan(msgspec.Struct):
    """How far a page has come; finished when there is nothing behind what was read."""

    at: int
    kept: list[Seen]
    finished: bool = False


async def page_messages(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, asked: Asked
) -> Page:
    """One page of what the user may see; history that is not here yet is fetched. Raises `Forbidden`."""
    room = await must_live_room(ctx, tenant, room_id)
    page, finished = await _read_page(ctx, tenant, requester, room, asked)
    if asked.backwards and asked.to is None:
        for _ in range(_BACKFILLS_MAX):
            lacking = asked.limit - len(page.chunk)
            if not finished or lacking <= 0:
                break
            if not await backfill(ctx, tenant, room, max(lacking, _SCAN_MIN)):
                break
            page, finished = await _read_page(ctx, tenant, requester, room, asked)
    return page


async def _read_page(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom, asked: Asked
) -> tuple[Page, bool]:
    """A page of what is here, and whether that is all there is in its direction."""
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        access = await read_access(conn, tenant, requester.user_nid, room)
        ignored = await ignored_users(ctx, conn, tenant, requester.user_nid)
        start = asked.start
        if start is None:
            start = min(access.up_to, await log.read(conn, tenant)) if asked.backwards else POSITION_MIN
        scan = await _scan(ctx, conn, tenant, requester, access, asked, start, ignored)
        reader = Reader(user_nid=requester.user_nid, device_nid=requester.device_nid, ignored=ignored)
        chunk = await render(ctx, conn, tenant, room.room_id, room.version, reader, scan.kept)
        state: list[Raw] = []
        if asked.filter.lazy_load_members and scan.kept:
            rows = await senders_members(conn, tenant, [item.row for item in scan.kept])
            shown = [Seen(row, "join") for row in rows]
            state = await render(ctx, conn, tenant, room.room_id, room.version, reader, shown)
    end = None if scan.finished and not chunk else scan.at
    return Page(start=start, end=end, chunk=chunk, state=state), scan.finished


async def _scan(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    requester: Requester,
    access: Access,
    asked: Asked,
    start: int,
    ignored: Collection[int],
) -> _Scan:
    """Read on until the page is full, nothing is left, or too much was read in vain."""
    scan = _Scan(start, [])
    if filters.takes_none(asked.filter) or asked.limit == 0:
        return scan
    size = max(asked.limit + 1, _SCAN_MIN)
    for _ in range(_SCANS_MAX):
        if asked.backwards:
            after, up_to = POSITION_MIN if asked.to is None else asked.to, scan.at
        else:
            after, up_to = scan.at, POSITION_MAX if asked.to is None else asked.to
        rows = await events.page(
            conn,
            tenant,
            access.room.room_nid,
            after=after,
            up_to=min(up_to, access.up_to),
            limit=size,
            backwards=asked.backwards,
        )
        seen = await visible(conn, tenant, requester.user_nid, access.row, rows)
        wanted = await filtered(ctx, conn, tenant, asked.filter, access.room.room_id, seen, ignored)
        room_left = asked.limit - len(scan.kept)
        scan.kept += wanted[:room_left]
        if len(wanted) > room_left:
            last = scan.kept[-1].row.position
            scan.at = last - 1 if asked.backwards else last
            return scan
        if rows:
            scan.at = rows[-1].position - 1 if asked.backwards else rows[-1].position
        if len(rows) < size:
            scan.finished = True
            return scan
    return scan
