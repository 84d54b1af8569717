"""A local user looks for the event that is closest to a time."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import EventID, RoomID
from timserver.store import events
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.visible import visible
from timserver.usecases.rooms.access import read_access
from timserver.usecases.rooms.live import must_live_room

_CANDIDATES = 50


async def find_by_timestamp(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, ts: int, *, backwards: bool
) -> tuple[EventID, int]:
    """The event's id and its time. Raises `Forbidden` and `NotFound`.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event
    """
    room = await must_live_room(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        access = await read_access(conn, tenant, requester.user_nid, room)
        rows = await events.around_time(
            conn, tenant, room.room_nid, ts, access.up_to, limit=_CANDIDATES, backwards=backwards
        )
        seen = await visible(conn, tenant, requester.user_nid, access.row, rows)
    if not seen:
        raise errors.NotFound("No event there")
    row = seen[0].row
    return events.event_id_of(room.version, row.event_hash), row.ts
