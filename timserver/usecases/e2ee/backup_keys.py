"""Session keys in a backup: put, get, delete; of all rooms, of one room, or of one session."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.store import key_backup
from timserver.store.key_backup import KeyRow, VersionRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.e2ee.backup_versions import known, number_of

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class BackupKey(msgspec.Struct, frozen=True):
    """A session's key as clients write and read it."""

    first_message_index: Count
    forwarded_count: Count
    is_verified: bool
    session_data: dict[str, Any]


Rooms = Mapping[str, Mapping[str, BackupKey]]
"""Keys by room and session."""


class Part(msgspec.Struct, frozen=True):
    """Which keys of a version: all, of a room, or of a session in a room."""

    version: str
    room_id: str | None = None
    session_id: str | None = None


async def put_backup_keys(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    version: str,
    rooms: Rooms,
) -> VersionRow:
    """Of two keys of a session the better one stays. The version as it is then.

    Raises `NotFound` when there is no backup, `WrongRoomKeysVersion` when it is not the current one.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeys
    """
    rows = [
        _row(room_id, session_id, key) for room_id, keys in rooms.items() for session_id, key in keys.items()
    ]
    if len(rows) > ctx.settings.limits.room_keys_batch_max:
        raise errors.TooLarge("Too many keys in one request")
    async with ctx.database.transaction(tenant) as conn:
        current = known(await key_backup.current(conn, tenant, requester.user_nid))
        locked = None
        if current.version == number_of(version):
            locked = await key_backup.lock(conn, tenant, requester.user_nid, current.version)
        if locked is None:
            raise errors.WrongRoomKeysVersion(current_version=str(current.version))
        return await key_backup.put_keys(conn, tenant, requester.user_nid, locked, rows)


async def get_backup_keys(
    ctx: Context, tenant: Tenant, requester: Requester, part: Part
) -> list[tuple[str, list[tuple[str, bytes]]]]:
    """By room, and in it by session: the key as JSON. Raises `NotFound` for an unknown version."""
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        row = known(await key_backup.find(conn, tenant, requester.user_nid, number_of(part.version)))
        rows = await key_backup.keys(
            conn, tenant, requester.user_nid, row.version, part.room_id, part.session_id
        )
    by_room = groupby(rows, lambda row: row.room_id)
    return [(room_id, [(row.session_id, _json(row)) for row in of_room]) for room_id, of_room in by_room]


async def delete_backup_keys(ctx: Context, tenant: Tenant, requester: Requester, part: Part) -> VersionRow:
    """The version as it is then. Raises `NotFound` for an unknown version."""
    async with ctx.database.transaction(tenant) as conn:
        locked = known(await key_backup.lock(conn, tenant, requester.user_nid, number_of(part.version)))
        return await key_backup.delete_keys(
            conn, tenant, requester.user_nid, locked, part.room_id, part.session_id
        )


def join_sessions(sessions: Sequence[tuple[str, bytes]]) -> bytes:
    """`{"sessions": …}` of one room."""
    return b'{"sessions":' + _object(sessions) + b"}"


def join_rooms(rooms: Iterable[tuple[str, Sequence[tuple[str, bytes]]]]) -> bytes:
    """`{"rooms": …}`."""
    return b'{"rooms":' + _object((room_id, join_sessions(sessions)) for room_id, sessions in rooms) + b"}"


def _object(members: Iterable[tuple[str, bytes]]) -> bytes:
    return b"{" + b",".join(msgspec.json.encode(name) + b":" + value for name, value in members) + b"}"


def _row(room_id: str, session_id: str, key: BackupKey) -> KeyRow:
    return KeyRow(
        room_id,
        session_id,
        key.first_message_index,
        key.forwarded_count,
        key.is_verified,
        msgspec.json.encode(key.session_data),
    )


def _json(row: KeyRow) -> bytes:
    return msgspec.json.encode(
        {
            "first_message_index": row.first_message_index,
            "forwarded_count": row.forwarded_count,
            "is_verified": row.is_verified,
            "session_data": msgspec.Raw(row.session_data),
        }
    )
