"""Step: does a room's access control list let a server take part? Asked on every way in (RELIABILITY E11).

Spec: https://spec.matrix.org/v1.19/server-server-api/#server-access-control-lists-acls
"""

from timserver.context import Context
from timserver.matrix import errors, server_acl
from timserver.matrix.event_types import SERVER_ACL_KEY
from timserver.matrix.ids import ServerName
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.rooms.live import state_event


async def check_acl(ctx: Context, tenant: Tenant, room: LiveRoom, origin: ServerName) -> None:
    """Raises `Forbidden`."""
    if not await is_allowed(ctx, tenant, room, origin):
        raise errors.Forbidden("The room does not let your server take part")


async def is_allowed(ctx: Context, tenant: Tenant, room: LiveRoom, server_name: ServerName) -> bool:
    """May the server take part, by the room's current state? The answer is remembered for the event of the list."""
    event_nid = room.others.get(SERVER_ACL_KEY)
    if event_nid is None:
        return True
    known = ctx.caches.acl_verdicts.get((tenant.tenant_id, event_nid, server_name))
    if known is not None:
        return known
    acl = ctx.caches.acls.get((tenant.tenant_id, event_nid))
    if acl is None:
        event = await state_event(ctx, tenant, room, "m.room.server_acl")
        if event is None:
            return True
        acl = server_acl.parse(event.content)
        if room.others.get(SERVER_ACL_KEY) != event_nid:  # it was changed while we read
            return server_acl.is_allowed(acl, server_name)
        ctx.caches.acls.put((tenant.tenant_id, event_nid), acl)
    verdict = server_acl.is_allowed(acl, server_name)
    return ctx.caches.acl_verdicts.put((tenant.tenant_id, event_nid, server_name), verdict)
