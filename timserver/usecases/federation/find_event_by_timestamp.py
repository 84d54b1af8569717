"""Another server looks for the event that is closest to a time.

Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1timestamp_to_eventroomid
"""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.store import events
from timserver.tenancy import Tenant
from timserver.usecases.federation.asked_room import asked_room
from timserver.usecases.federation.visible_to_server import Verdict, audience_of, verdicts
from timserver.usecases.rooms.access import POSITION_MAX

_CANDIDATES = 50


async def find_event_by_timestamp(
    ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID, ts: int, *, backwards: bool
) -> tuple[EventID, int]:
    """The event's id and its time. Raises `Forbidden` outside the room, and `NotFound`."""
    room = await asked_room(ctx, tenant, origin, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        audience = await audience_of(ctx, conn, tenant, origin, room.room_nid)
        if not audience.in_room:
            raise errors.Forbidden("You are not in this room")
        rows = await events.around_time(
            conn, tenant, room.room_nid, ts, POSITION_MAX, limit=_CANDIDATES, backwards=backwards
        )
        shown = await verdicts(conn, tenant, audience, room, rows)
    for row in rows:
        if shown[row.event_nid] is Verdict.WHOLE:
            return events.event_id_of(room.version, row.event_hash), row.ts
    raise errors.NotFound("No event there")
