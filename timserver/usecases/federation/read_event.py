"""Another server asks for one event.

Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1eventeventid
"""

from msgspec import Raw

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.store import events, rooms, served_events
from timserver.tenancy import Tenant
from timserver.usecases.federation.asked_room import asked_room
from timserver.usecases.federation.visible_to_server import audience_of, pdus_for


async def read_event(ctx: Context, tenant: Tenant, origin: ServerName, event_id: EventID) -> Raw:
    """The PDU. Raises `NotFound` for what is unknown and for what the server may not have: it cannot tell which."""
    async with ctx.database.transaction(tenant) as conn:
        row = await served_events.find_anywhere(conn, tenant, event_id)
        found = await rooms.rooms_by_nid(conn, tenant, [row.room_nid]) if row else {}
    if row is None or row.room_nid not in found:
        raise errors.NotFound("Event not found")
    try:
        room = await asked_room(ctx, tenant, origin, RoomID(found[row.room_nid].room_id))
    except errors.Forbidden:
        raise errors.NotFound("Event not found") from None
    if events.event_id_of(room.version, row.event_hash) != event_id:
        raise errors.NotFound("Event not found")
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        audience = await audience_of(ctx, conn, tenant, origin, room.room_nid)
        pdus = await pdus_for(conn, tenant, audience, room, [row])
    if not pdus:
        raise errors.NotFound("Event not found")
    return pdus[0]
