"""Tables `typing` and `presence`."""

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

OFFLINE, UNAVAILABLE, ONLINE = range(3)
NAMES = ("offline", "unavailable", "online")


class Presence(msgspec.Struct, frozen=True):
    """What a user is; 0 offline, 1 unavailable, 2 online."""

    presence: int
    status_msg: str | None
    last_active_ts: int


_SET_TYPING = Statement(
    int,
    "insert into typing (tenant_id, room_nid, user_nid, expires_ts, position) values ($1, $2, $3, $4, $5)"
    " on conflict (tenant_id, room_nid, user_nid) do update set expires_ts = excluded.expires_ts,"
    " position = excluded.position returning 1",
)
_IS_TYPING = Statement(
    int, "select 1 from typing where tenant_id = $1 and room_nid = $2 and user_nid = $3 and expires_ts > $4"
)
_PRESENCE = Statement(
    Presence,
    "select presence, status_msg, last_active_ts from presence where tenant_id = $1 and user_nid = $2",
)
_SET_PRESENCE = Statement(
    int,
    "insert into presence (tenant_id, user_nid, presence, status_msg, last_active_ts, position)"
    " values ($1, $2, $3, $4, $5, $6)"
    " on conflict (tenant_id, user_nid) do update set presence = excluded.presence, status_msg = excluded.status_msg,"
    " last_active_ts = excluded.last_active_ts, position = excluded.position returning 1",
)


async def set_typing(
    conn: Connection, tenant: Tenant, room_nid: int, user_nid: int, expires_ts: int, position: int
) -> None:
    """The user types until a time; 0 for no longer."""
    await _SET_TYPING.run(conn, tenant, room_nid, user_nid, expires_ts, position)


async def is_typing(conn: Connection, tenant: Tenant, room_nid: int, user_nid: int, now_ms: int) -> bool:
    """Does the room think that the user types?"""
    return await _IS_TYPING.one(conn, tenant, room_nid, user_nid, now_ms) is not None


async def presence_of(conn: Connection, tenant: Tenant, user_nid: int) -> Presence | None:
    """What is known of the user."""
    return await _PRESENCE.one(conn, tenant, user_nid)


async def set_presence(
    conn: Connection, tenant: Tenant, user_nid: int, presence: Presence, position: int
) -> None:
    """Set it."""
    await _SET_PRESENCE.run(
        conn, tenant, user_nid, presence.presence, presence.status_msg, presence.last_active_ts, position
    )
