"""What users report to the operator. Reports of rooms and users are taken whether these exist or not, so that nobody
learns it here; an event must be in a room where the reporter is.

Spec: https://spec.matrix.org/v1.19/client-server-api/#reporting-content
"""

from typing import Final

from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.store import events, reports, rooms
from timserver.store.live_rooms import JOIN
from timserver.store.reports import ReportRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms.live import live_room

REASON_LENGTH_MAX: Final = 1_000


async def report_room(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, reason: str
) -> None:
    """A whole room."""
    await _store(ctx, tenant, ReportRow(reporter_nid=requester.user_nid, room_id=room_id, reason=reason))


async def report_user(
    ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID, reason: str
) -> None:
    """A user."""
    await _store(ctx, tenant, ReportRow(reporter_nid=requester.user_nid, user_id=user_id, reason=reason))


async def report_event(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    event_id: EventID,
    reason: str,
    score: int | None,
) -> None:
    """An event. Raises `NotFound` for one that is not here, and to who is not in its room."""
    room = await live_room(ctx, tenant, room_id)
    if room is None:
        raise errors.NotFound("Event not found")
    async with ctx.database.transaction(tenant) as conn:
        reader = await rooms.room_of(conn, tenant, requester.user_nid, room.room_nid)
        event = await events.find(conn, tenant, room.version, event_id)
    if reader is None or reader.membership != JOIN or event is None or event.room_nid != room.room_nid:
        raise errors.NotFound("Event not found")
    row = ReportRow(
        reporter_nid=requester.user_nid, room_id=room_id, event_id=event_id, reason=reason, score=score
    )
    await _store(ctx, tenant, row)


async def _store(ctx: Context, tenant: Tenant, row: ReportRow) -> None:
    if len(row.reason) > REASON_LENGTH_MAX:
        raise errors.InvalidParam(f"A reason has at most {REASON_LENGTH_MAX} characters")
    ctx.caches.rates.take(tenant, RateKind.MESSAGE, row.reporter_nid)
    (report_nid,) = await ctx.database.take_nids(1)
    async with ctx.database.transaction(tenant) as conn:
        await reports.insert(conn, tenant, report_nid, row, ctx.clock.now_ms())
