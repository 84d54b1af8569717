"""Another server asks where an alias of ours points to.

Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1querydirectory
"""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomAlias, RoomID, ServerName, server_name_of
from timserver.store import aliases, rooms
from timserver.tenancy import Tenant
from timserver.usecases.rooms.resident_servers import resident_servers


async def read_alias(ctx: Context, tenant: Tenant, alias: RoomAlias) -> tuple[RoomID, list[ServerName]]:
    """The room and the servers in it. Raises `NotFound`, also for aliases of other servers."""
    if server_name_of(alias) != tenant.server_name:
        raise errors.NotFound("Room alias not found")
    async with ctx.database.transaction(tenant) as conn:
        row = await aliases.find(conn, tenant, alias)
        found = await rooms.rooms_by_nid(conn, tenant, [row.room_nid]) if row else {}
        if row is None or row.room_nid not in found:
            raise errors.NotFound("Room alias not found")
        return RoomID(found[row.room_nid].room_id), await resident_servers(ctx, conn, tenant, row.room_nid)
