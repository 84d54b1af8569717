"""Tables `key_backup`, `room_key`: encrypted copies of session keys.

Every change of keys goes with one of the version's row, which is locked first: etag and count change with the keys.
"""

from collections.abc import Sequence

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class VersionRow(msgspec.Struct, frozen=True):
    """A backup; `auth_data` is JSON."""

    version: int
    algorithm: str
    auth_data: bytes
    etag: int
    count: int


class KeyRow(msgspec.Struct, frozen=True):
    """A session's key; `session_data` is JSON."""

    room_id: str
    session_id: str
    first_message_index: int
    forwarded_count: int
    is_verified: bool
    session_data: bytes


_CREATE = Statement(
    int,
    "insert into key_backup (tenant_id, user_nid, version, algorithm, auth_data)"
    " select $1, $2, coalesce(max(version), 0) + 1, $3, $4 from key_backup where tenant_id = $1 and user_nid = $2"
    " returning version",
)
_CURRENT = Statement(
    VersionRow,
    "select version, algorithm, auth_data, etag, count from key_backup where tenant_id = $1 and user_nid = $2"
    " and not deleted order by version desc limit 1",
)
_VERSION = Statement(
    VersionRow,
    "select version, algorithm, auth_data, etag, count from key_backup where tenant_id = $1 and user_nid = $2"
    " and version = $3 and not deleted",
)
_LOCK = Statement(
    VersionRow,
    "select version, algorithm, auth_data, etag, count from key_backup where tenant_id = $1 and user_nid = $2"
    " and version = $3 and not deleted for no key update",
)
_SET_AUTH_DATA = Statement(
    int,
    "update key_backup set auth_data = $4 where tenant_id = $1 and user_nid = $2 and version = $3 returning 1",
)
_DELETE = Statement(
    int,
    "update key_backup set deleted = true, auth_data = '', count = 0 where tenant_id = $1 and user_nid = $2"
    " and version = $3 returning 1",
)
_CHANGE = Statement(
    VersionRow,
    "update key_backup set etag = etag + 1, count = count + $4 where tenant_id = $1 and user_nid = $2 and version = $3"
    " returning version, algorithm, auth_data, etag, count",
)
_PUT = Statement(
    bool,
    "insert into room_key as k (tenant_id, user_nid, version, room_id, session_id, first_message_index,"
    " forwarded_count, is_verified, session_data)"
    " select $1, $2, $3, n.* from unnest($4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::boolean[], $9::bytea[]) n"
    " on conflict (tenant_id, user_nid, version, room_id, session_id) do update set"
    " first_message_index = excluded.first_message_index, forwarded_count = excluded.forwarded_count,"
    " is_verified = excluded.is_verified, session_data = excluded.session_data"
    " where (not excluded.is_verified, excluded.first_message_index, excluded.forwarded_count)"
    " < (not k.is_verified, k.first_message_index, k.forwarded_count)"
    " returning xmax = 0",
)
_KEYS = Statement(
    KeyRow,
    "select room_id, session_id, first_message_index, forwarded_count, is_verified, session_data from room_key"
    " where tenant_id = $1 and user_nid = $2 and version = $3 and ($4::text is null or room_id = $4)"
    " and ($5::text is null or session_id = $5) order by room_id, session_id",
)
_DELETE_KEYS = Statement(
    int,
    "delete from room_key where tenant_id = $1 and user_nid = $2 and version = $3"
    " and ($4::text is null or room_id = $4) and ($5::text is null or session_id = $5)",
)


async def create(conn: Connection, tenant: Tenant, user_nid: int, algorithm: str, auth_data: bytes) -> int:
    """A new version, the user being locked (`cross_signing.lock_user`). Numbers of deleted ones are not given again."""
    version = await _CREATE.one(conn, tenant, user_nid, algorithm, auth_data)
    assert version is not None
    return version


async def current(conn: Connection, tenant: Tenant, user_nid: int) -> VersionRow | None:
    """The newest version."""
    return await _CURRENT.one(conn, tenant, user_nid)


async def find(conn: Connection, tenant: Tenant, user_nid: int, version: int) -> VersionRow | None:
    """One version."""
    return await _VERSION.one(conn, tenant, user_nid, version)


async def lock(conn: Connection, tenant: Tenant, user_nid: int, version: int) -> VersionRow | None:
    """One version, locked until the transaction ends."""
    return await _LOCK.one(conn, tenant, user_nid, version)


async def set_auth_data(
    conn: Connection, tenant: Tenant, user_nid: int, version: int, auth_data: bytes
) -> None:
    """Replace `auth_data`."""
    await _SET_AUTH_DATA.run(conn, tenant, user_nid, version, auth_data)


async def delete(conn: Connection, tenant: Tenant, user_nid: int, version: int) -> bool:
    """Remove a version and its keys; False when there never was one. A second time changes nothing."""
    await _DELETE_KEYS.run(conn, tenant, user_nid, version, None, None)
    return await _DELETE.one(conn, tenant, user_nid, version) is not None


async def put_keys(
    conn: Connection, tenant: Tenant, user_nid: int, version: VersionRow, rows: Sequence[KeyRow]
) -> VersionRow:
    """Store keys in one statement, each where there is none or a worse one; the locked version as it is now."""
    inserted = await _PUT.all(
        conn,
        tenant,
        user_nid,
        version.version,
        [row.room_id for row in rows],
        [row.session_id for row in rows],
        [row.first_message_index for row in rows],
        [row.forwarded_count for row in rows],
        [row.is_verified for row in rows],
        [row.session_data for row in rows],
    )
    return await _changed(conn, tenant, user_nid, version, len(inserted), sum(inserted))


async def keys(
    conn: Connection,
    tenant: Tenant,
    user_nid: int,
    version: int,
    room_id: str | None,
    session_id: str | None,
) -> list[KeyRow]:
    """All keys, of one room, or of one session; by room and session."""
    return await _KEYS.all(conn, tenant, user_nid, version, room_id, session_id)


async def delete_keys(
    conn: Connection,
    tenant: Tenant,
    user_nid: int,
    version: VersionRow,
    room_id: str | None,
    session_id: str | None,
) -> VersionRow:
    """Remove all keys, of one room, or of one session; the locked version as it is now."""
    count = await _DELETE_KEYS.run(conn, tenant, user_nid, version.version, room_id, session_id)
    return await _changed(conn, tenant, user_nid, version, count, -count)


async def _changed(
    conn: Connection, tenant: Tenant, user_nid: int, version: VersionRow, changes: int, added: int
) -> VersionRow:
    if not changes:
        return version
    row = await _CHANGE.one(conn, tenant, user_nid, version.version, added)
    assert row is not None
    return row
