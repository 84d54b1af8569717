"""Step: a room that the tenant can speak for to other servers, because one of its users is in it."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.federation.acl import check_acl, is_allowed
from timserver.usecases.rooms.live import current_room


def takes_part(room: LiveRoom) -> bool:
    """Is a user of the tenant joined? Else what it knows of the room is an invite, or old."""
    return room.is_resident and room.has_local


async def refusal_of_room(ctx: Context, tenant: Tenant, room: LiveRoom, origin: ServerName) -> str | None:
    """Why nothing of a server is taken in a room, by what memory says of it."""
    if not takes_part(room):
        return "Nobody of this server is in the room"
    if not await is_allowed(ctx, tenant, room, origin):
        return "The room does not let your server take part"
    return None


async def resident_room(ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID) -> LiveRoom:
    """For a request of another server. Raises `NotFound` for others, `Forbidden` by the room's access control list."""
    room = await current_room(ctx, tenant, room_id)
    if room is None or not takes_part(room):
        raise errors.NotFound("Unknown room")
    await check_acl(ctx, tenant, room, origin)
    return room
