"""Tables `room_server` and `membership` by server: which other servers are or were in a room. `write_state_changes`
keeps them.
"""

from collections.abc import Sequence

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class ServerMember(msgspec.Struct, frozen=True):
    """A user of another server who has a membership in a room."""

    user_nid: int
    membership: int
    event_nid: int


_IS_IN = Statement(
    int,
    "select 1 from room_server where tenant_id = $1 and room_nid = $2 and server_nid = $3 and until_position is null",
)
_IN_ROOM = Statement(
    int,
    "select server_nid from room_server where tenant_id = $1 and room_nid = $2 and until_position is null"
    " order by since_position, server_nid limit $3",
)
_MEMBERS = Statement(
    ServerMember,
    "select user_nid, membership, event_nid from membership where tenant_id = $1 and room_nid = $2 and server_nid = $3",
)
_ROOMS_OF_SERVER = Statement(
    int,
    "select room_nid from room_server where tenant_id = $1 and server_nid = $2 and until_position is null"
    " and room_nid = any ($3::bigint[])",
)
_INVITED_TO = Statement(
    int,
    "select distinct room_nid from membership where tenant_id = $1 and server_nid = $2 and membership = 2"
    " and room_nid = any ($3::bigint[])",
)
_SHARED = Statement(
    int,
    "select distinct m.user_nid from membership m join room_server r on r.tenant_id = $1 and r.room_nid = m.room_nid"
    " and r.server_nid = $2 and r.until_position is null"
    " where m.tenant_id = $1 and m.user_nid = any ($3::bigint[]) and m.membership in (1, 2, 3)",
)
_ALL = Statement(
    int,
    "select distinct server_nid from room_server where tenant_id = $1 and until_position is null limit $2",
)
_LOCAL_WITH = Statement(
    int,
    "select distinct m.user_nid from membership m join room_server r on r.tenant_id = $1 and r.room_nid = m.room_nid"
    " and r.server_nid = $2 and r.until_position is null"
    " where m.tenant_id = $1 and m.membership = 1 and m.local order by m.user_nid limit $3",
)


async def is_in_room(conn: Connection, tenant: Tenant, room_nid: int, server_nid: int) -> bool:
    """Is one of the server's users joined?"""
    return await _IS_IN.one(conn, tenant, room_nid, server_nid) is not None


async def servers_in_room(conn: Connection, tenant: Tenant, room_nid: int, limit: int) -> list[int]:
    """Numbers of the names of other servers with somebody in the room; who has been there longest comes first."""
    return await _IN_ROOM.all(conn, tenant, room_nid, limit)


async def members_of_server(
    conn: Connection, tenant: Tenant, room_nid: int, server_nid: int
) -> list[ServerMember]:
    """Everybody of the server who has any membership in the room."""
    return await _MEMBERS.all(conn, tenant, room_nid, server_nid)


async def rooms_of_server(
    conn: Connection, tenant: Tenant, server_nid: int, room_nids: Sequence[int]
) -> set[int]:
    """Those of the rooms in which the server is."""
    return set(await _ROOMS_OF_SERVER.all(conn, tenant, server_nid, list(room_nids)))


async def rooms_inviting_server(
    conn: Connection, tenant: Tenant, server_nid: int, room_nids: Sequence[int]
) -> set[int]:
    """Those of the rooms to which somebody of the server is invited."""
    return set(await _INVITED_TO.all(conn, tenant, server_nid, list(room_nids)))


async def sharing_with_server(
    conn: Connection, tenant: Tenant, server_nid: int, user_nids: Sequence[int]
) -> set[int]:
    """Those of the users who are in a room (or invited, or knocking) where the server is."""
    return set(await _SHARED.all(conn, tenant, server_nid, list(user_nids)))


async def all_servers(conn: Connection, tenant: Tenant, limit: int) -> list[int]:
    """Numbers of the names of all servers that are in some room now."""
    return await _ALL.all(conn, tenant, limit)


async def local_members_with(conn: Connection, tenant: Tenant, server_nid: int, limit: int) -> list[int]:
    """Local users who are joined to a room where the server is."""
    return await _LOCAL_WITH.all(conn, tenant, server_nid, limit)
