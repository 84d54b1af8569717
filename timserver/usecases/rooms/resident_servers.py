"""Step: the servers that have somebody in a room, as `via` for who wants to join it."""

from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.store import room_servers, terms
from timserver.store.database import Connection
from timserver.tenancy import Tenant


async def resident_servers(ctx: Context, conn: Connection, tenant: Tenant, room_nid: int) -> list[ServerName]:
    """Ours first, then those that have been there longest."""
    limit = ctx.settings.limits.resident_servers_max
    nids = await room_servers.servers_in_room(conn, tenant, room_nid, limit - 1)
    names = await terms.names_of(conn, ctx.caches, tenant, nids)
    return [tenant.server_name, *(ServerName(names[nid]) for nid in nids)]
