"""Step: the room behind an id or alias; where an alias of another server points to says that server."""

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import (
    InvalidID,
    RoomAlias,
    RoomID,
    ServerName,
    parse_room_alias,
    parse_room_id,
    server_name_of,
)
from timserver.remote.errors import RemoteError
from timserver.remote.federation import queries
from timserver.store import aliases, rooms
from timserver.tenancy import Tenant
from timserver.usecases.federation.refusals import to_client
from timserver.usecases.rooms.remote_spaces import server_names
from timserver.usecases.rooms.resident_servers import resident_servers


class LocatedRoom(msgspec.Struct, frozen=True):
    """A room, and servers that are in it, as far as an alias has told."""

    room_id: RoomID
    servers: tuple[ServerName, ...] = ()


async def locate_room(ctx: Context, tenant: Tenant, room_id_or_alias: str) -> LocatedRoom:
    """Raises `InvalidParam` for neither, `NotFound` for an alias that nobody knows, `Forbidden` by policy, 502 when the
    alias's server does not answer.
    """
    try:
        if not room_id_or_alias.startswith("#"):
            return LocatedRoom(parse_room_id(room_id_or_alias))
        alias = parse_room_alias(room_id_or_alias)
    except InvalidID as error:
        raise errors.InvalidParam("Neither a room id nor an alias") from error
    if server_name_of(alias) != tenant.server_name:
        return await _ask(ctx, tenant, alias)
    async with ctx.database.transaction(tenant) as conn:
        row = await aliases.find(conn, tenant, alias)
        found = await rooms.rooms_by_nid(conn, tenant, [row.room_nid]) if row else {}
        if row is None or row.room_nid not in found:
            raise errors.NotFound("Room alias not found")
        servers = await resident_servers(ctx, conn, tenant, row.room_nid)
    return LocatedRoom(RoomID(found[row.room_nid].room_id), tuple(servers))


async def _ask(ctx: Context, tenant: Tenant, alias: RoomAlias) -> LocatedRoom:
    server = server_name_of(alias)
    try:
        found = await queries.query_directory(ctx.remote, tenant, server, alias)
        room_id = parse_room_id(found.room_id)
    except RemoteError as error:
        raise to_client(error, not_found="Room alias not found") from error
    except InvalidID as error:
        raise errors.NotFound("Room alias not found", inner="remote: not a room id") from error
    named = found.servers[: ctx.settings.limits.resident_servers_max]
    return LocatedRoom(room_id, tuple(dict.fromkeys([*server_names(named), server])))
