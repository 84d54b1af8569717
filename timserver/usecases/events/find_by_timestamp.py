"""A local user looks for the event that is closest to a time; where our history has an end, other servers know more."""

import structlog

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import EventID, RoomID
from timserver.remote.errors import RemoteError
from timserver.remote.federation import queries
from timserver.remote.federation.queries import RemoteEvent
from timserver.store import events, missing_events
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.visible import visible
from timserver.usecases.federation.backfilling import backfill
from timserver.usecases.rooms.access import read_access
from timserver.usecases.rooms.live import must_live_room
from timserver.usecases.rooms.resident_servers import resident_servers

_log = structlog.get_logger("timserver.federation")

_CANDIDATES = 50
_SERVERS_MAX = 3
_BACKFILL_ROUNDS_MAX = 10
_BACKFILL_EVENTS = 100

Found = tuple[EventID, int]


async def find_by_timestamp(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, ts: int, *, backwards: bool
) -> Found:
    """The event's id and its time. Raises `Forbidden` and `NotFound`.

    An event that only another server has is fetched with the history up to it, so that it can be read here.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event
    """
    room = await must_live_room(ctx, tenant, room_id)
    found = await _here(ctx, tenant, requester, room, ts, backwards=backwards)
    told = await _elsewhere(ctx, tenant, room, ts, backwards=backwards)
    if told is not None and (found is None or abs(told.origin_server_ts - ts) < abs(found[1] - ts)):
        await _fetch(ctx, tenant, room, told.event_id)
        found = await _here(ctx, tenant, requester, room, ts, backwards=backwards)
    if found is None:
        raise errors.NotFound("No event there")
    return found


async def _here(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom, ts: int, *, backwards: bool
) -> Found | None:
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        access = await read_access(conn, tenant, requester.user_nid, room)
        rows = await events.around_time(
            conn, tenant, room.room_nid, ts, access.up_to, limit=_CANDIDATES, backwards=backwards
        )
        seen = await visible(conn, tenant, requester.user_nid, access.row, rows)
    if not seen:
        return None
    row = seen[0].row
    return events.event_id_of(room.version, row.event_hash), row.ts


async def _elsewhere(
    ctx: Context, tenant: Tenant, room: LiveRoom, ts: int, *, backwards: bool
) -> RemoteEvent | None:
    """What the first server says that answers; nobody is asked when the whole history is here."""
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        if not room.is_resident or not await missing_events.oldest(conn, tenant, room.room_nid, 1):
            return None
        servers = await resident_servers(ctx, conn, tenant, room.room_nid)
    for server in [name for name in servers if name != tenant.server_name][:_SERVERS_MAX]:
        try:
            return await queries.get_event_by_timestamp(
                ctx.remote, tenant, server, room.room_id, ts, backwards=backwards
            )
        except RemoteError as error:
            _log.info("event not found elsewhere", error=str(error))
    return None


async def _fetch(ctx: Context, tenant: Tenant, room: LiveRoom, event_id: str) -> None:
    """Page back until the event is here, or too much was fetched."""
    for _ in range(_BACKFILL_ROUNDS_MAX):
        async with ctx.database.transaction(tenant) as conn:
            row = await events.find(conn, tenant, room.version, event_id)
        if row is not None and not row.flags & events.OUTLIER:
            return
        if not await backfill(ctx, tenant, room, _BACKFILL_EVENTS):
            return
