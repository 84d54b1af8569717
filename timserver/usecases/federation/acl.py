"""Step: does a room's access control list let a server take part?

Spec: https://spec.matrix.org/v1.19/server-server-api/#server-access-control-lists-acls
"""

from timserver.context import Context
from timserver.matrix import errors, server_acl
from timserver.matrix.ids import ServerName
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.rooms.live import state_event


async def check_acl(ctx: Context, tenant: Tenant, room: LiveRoom, origin: ServerName) -> None:
    """Raises `Forbidden`."""
    event = await state_event(ctx, tenant, room, "m.room.server_acl")
    if not server_acl.is_allowed(event.content if event else None, origin):
        raise errors.Forbidden("The room does not let your server take part")
