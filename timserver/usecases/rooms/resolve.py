"""Step: the room behind an id or alias."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import InvalidID, RoomID, parse_room_alias, parse_room_id, server_name_of
from timserver.store import aliases, rooms
from timserver.tenancy import Tenant


async def resolve_room(ctx: Context, tenant: Tenant, room_id_or_alias: str) -> RoomID:
    """Raises `InvalidParam` for neither, `NotFound` for an alias that is not known here."""
    try:
        if not room_id_or_alias.startswith("#"):
            return parse_room_id(room_id_or_alias)
        alias = parse_room_alias(room_id_or_alias)
    except InvalidID as error:
        raise errors.InvalidParam("Neither a room id nor an alias") from error
    if server_name_of(alias) != tenant.server_name:
        raise errors.NotFound("That server cannot be reached")
    async with ctx.database.transaction(tenant) as conn:
        row = await aliases.find(conn, tenant, alias)
        if row is None:
            raise errors.NotFound("Room alias not found")
        found = await rooms.rooms_by_nid(conn, tenant, [row.room_nid])
    return RoomID(found[row.room_nid].room_id)
