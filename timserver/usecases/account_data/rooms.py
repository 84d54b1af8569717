"""Step: the room that account data belongs to."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID
from timserver.tenancy import Tenant
from timserver.usecases.rooms.live import live_room

GLOBAL = 0


async def room_nid_of(ctx: Context, tenant: Tenant, room_id: RoomID | None) -> int:
    """`GLOBAL` without a room. Raises `NotFound` for a room that this server has never seen."""
    if room_id is None:
        return GLOBAL
    room = await live_room(ctx, tenant, room_id)
    if room is None:
        raise errors.NotFound("Unknown room")
    return room.room_nid
