"""Step: the room that another server asks about, as far as its access control list lets that server in."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.federation.acl import check_acl
from timserver.usecases.rooms.live import current_room


async def asked_room(ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID) -> LiveRoom:
    """Raises `Forbidden` for a room that is unknown, which looks like one that the server is not in."""
    room = await current_room(ctx, tenant, room_id)
    if room is None:
        raise errors.Forbidden("You are not in this room")
    await check_acl(ctx, tenant, room, origin)
    return room
