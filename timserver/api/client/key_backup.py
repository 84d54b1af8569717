"""`/room_keys/version`, `/room_keys/keys`."""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import Answer, Empty, Path, Query, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID
from timserver.store.key_backup import VersionRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.e2ee import backup_keys, backup_versions
from timserver.usecases.e2ee.backup_keys import BackupKey, Part, Rooms

BODY_BYTES_MAX = 16_777_216
"""Ten thousand sessions of a backup in one request."""

_VERSION = "/_matrix/client/v3/room_keys/version"
_KEYS = "/_matrix/client/v3/room_keys/keys"


class PostRoomKeysVersionRequest(Request, frozen=True, kw_only=True):
    """A new backup."""

    algorithm: str
    auth_data: dict[str, Any]


class PostRoomKeysVersionResponse(msgspec.Struct, frozen=True):
    """Its version."""

    version: str


class RoomKeysVersionRequest(Request, frozen=True, kw_only=True):
    """One backup."""

    version: Annotated[str, Path("version")]


class RoomKeysVersionResponse(msgspec.Struct, frozen=True):
    """A backup as it is now."""

    algorithm: str
    auth_data: msgspec.Raw
    count: int
    etag: str
    version: str


class PutRoomKeysVersionRequest(Request, frozen=True, kw_only=True):
    """`version` in the body may be absent, else it is the one of the path."""

    path_version: Annotated[str, Path("version")]
    algorithm: str
    auth_data: dict[str, Any]
    version: str | None = None


class RoomKeysRequest(Request, frozen=True, kw_only=True):
    """All keys of a backup."""

    version: Annotated[str, Query("version")]


class RoomKeysOfRoomRequest(RoomKeysRequest, frozen=True, kw_only=True):
    """The keys of one room."""

    room_id: Annotated[RoomID, Path("roomId")]


class RoomKeyRequest(RoomKeysOfRoomRequest, frozen=True, kw_only=True):
    """The key of one session."""

    session_id: Annotated[str, Path("sessionId")]


class SessionsOfRoom(msgspec.Struct, frozen=True):
    """Keys by session id."""

    sessions: dict[str, BackupKey]


class PutRoomKeysRequest(RoomKeysRequest, frozen=True, kw_only=True):
    """Keys by room."""

    rooms: dict[str, SessionsOfRoom]


class PutRoomKeysOfRoomRequest(RoomKeysOfRoomRequest, frozen=True, kw_only=True):
    """Keys by session id."""

    sessions: dict[str, BackupKey]


class PutRoomKeyRequest(RoomKeyRequest, frozen=True, kw_only=True):
    """One key, see `BackupKey`."""

    first_message_index: backup_keys.Count
    forwarded_count: backup_keys.Count
    is_verified: bool
    session_data: dict[str, Any]


class RoomKeysUpdateResponse(msgspec.Struct, frozen=True):
    """The backup after the change."""

    etag: str
    count: int


def _version(row: VersionRow) -> RoomKeysVersionResponse:
    auth_data = msgspec.Raw(row.auth_data)
    return RoomKeysVersionResponse(row.algorithm, auth_data, row.count, str(row.etag), str(row.version))


def _update(row: VersionRow) -> RoomKeysUpdateResponse:
    return RoomKeysUpdateResponse(str(row.etag), row.count)


@endpoint("POST", _VERSION, rate=RateKind.KEYS)
async def post_room_keys_version(
    ctx: Context, tenant: Tenant, requester: Requester, request: PostRoomKeysVersionRequest
) -> PostRoomKeysVersionResponse:
    """POST /_matrix/client/v3/room_keys/version.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3room_keysversion
    """
    version = await backup_versions.create_backup(
        ctx, tenant, requester, request.algorithm, request.auth_data
    )
    return PostRoomKeysVersionResponse(version)


@endpoint("GET", _VERSION, rate=RateKind.KEYS)
async def get_room_keys_version_current(
    ctx: Context, tenant: Tenant, requester: Requester
) -> RoomKeysVersionResponse:
    """GET /_matrix/client/v3/room_keys/version.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversion
    """
    return _version(await backup_versions.current_backup(ctx, tenant, requester))


@endpoint("GET", _VERSION + "/{version}", rate=RateKind.KEYS)
async def get_room_keys_version(
    ctx: Context, tenant: Tenant, requester: Requester, request: RoomKeysVersionRequest
) -> RoomKeysVersionResponse:
    """GET /_matrix/client/v3/room_keys/version/{version}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversionversion
    """
    return _version(await backup_versions.find_backup(ctx, tenant, requester, request.version))


@endpoint("PUT", _VERSION + "/{version}", rate=RateKind.KEYS)
async def put_room_keys_version(
    ctx: Context, tenant: Tenant, requester: Requester, request: PutRoomKeysVersionRequest
) -> Empty:
    """PUT /_matrix/client/v3/room_keys/version/{version}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keysversionversion
    """
    version = request.path_version
    if request.version not in (None, version):
        raise errors.InvalidParam("Version in body does not match")
    await backup_versions.update_backup(ctx, tenant, requester, version, request.algorithm, request.auth_data)
    return Empty()


@endpoint("DELETE", _VERSION + "/{version}", rate=RateKind.KEYS)
async def delete_room_keys_version(
    ctx: Context, tenant: Tenant, requester: Requester, request: RoomKeysVersionRequest
) -> Empty:
    """DELETE /_matrix/client/v3/room_keys/version/{version}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keysversionversion
    """
    await backup_versions.delete_backup(ctx, tenant, requester, request.version)
    return Empty()


@endpoint("PUT", _KEYS, rate=RateKind.KEYS, body_bytes_max=BODY_BYTES_MAX)
async def put_room_keys(
    ctx: Context, tenant: Tenant, requester: Requester, request: PutRoomKeysRequest
) -> RoomKeysUpdateResponse:
    """PUT /_matrix/client/v3/room_keys/keys.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeys
    """
    rooms = {room_id: of_room.sessions for room_id, of_room in request.rooms.items()}
    return _update(await backup_keys.put_backup_keys(ctx, tenant, requester, request.version, rooms))


@endpoint("PUT", _KEYS + "/{roomId}", rate=RateKind.KEYS, body_bytes_max=BODY_BYTES_MAX)
async def put_room_keys_by_room_id(
    ctx: Context, tenant: Tenant, requester: Requester, request: PutRoomKeysOfRoomRequest
) -> RoomKeysUpdateResponse:
    """PUT /_matrix/client/v3/room_keys/keys/{roomId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeysroomid
    """
    rooms: Rooms = {request.room_id: request.sessions}
    return _update(await backup_keys.put_backup_keys(ctx, tenant, requester, request.version, rooms))


@endpoint("PUT", _KEYS + "/{roomId}/{sessionId}", rate=RateKind.KEYS)
async def put_room_key_by_session_id(
    ctx: Context, tenant: Tenant, requester: Requester, request: PutRoomKeyRequest
) -> RoomKeysUpdateResponse:
    """PUT /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeysroomidsessionid
    """
    key = BackupKey(
        request.first_message_index, request.forwarded_count, request.is_verified, request.session_data
    )
    rooms: Rooms = {request.room_id: {request.session_id: key}}
    return _update(await backup_keys.put_backup_keys(ctx, tenant, requester, request.version, rooms))


@endpoint("GET", _KEYS, rate=RateKind.KEYS)
async def get_room_keys(
    ctx: Context, tenant: Tenant, requester: Requester, request: RoomKeysRequest
) -> Answer:
    """GET /_matrix/client/v3/room_keys/keys.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeys
    """
    rooms = await backup_keys.get_backup_keys(ctx, tenant, requester, Part(request.version))
    return Answer(body=backup_keys.join_rooms(rooms))


@endpoint("GET", _KEYS + "/{roomId}", rate=RateKind.KEYS)
async def get_room_keys_by_room_id(
    ctx: Context, tenant: Tenant, requester: Requester, request: RoomKeysOfRoomRequest
) -> Answer:
    """GET /_matrix/client/v3/room_keys/keys/{roomId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeysroomid
    """
    part = Part(request.version, request.room_id)
    rooms = await backup_keys.get_backup_keys(ctx, tenant, requester, part)
    return Answer(body=backup_keys.join_sessions(rooms[0][1] if rooms else []))


@endpoint("GET", _KEYS + "/{roomId}/{sessionId}", rate=RateKind.KEYS)
async def get_room_key_by_session_id(
    ctx: Context, tenant: Tenant, requester: Requester, request: RoomKeyRequest
) -> Answer:
    """GET /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeysroomidsessionid
    """
    part = Part(request.version, request.room_id, request.session_id)
    rooms = await backup_keys.get_backup_keys(ctx, tenant, requester, part)
    if not rooms:
        raise errors.NotFound("No such key in the backup")
    return Answer(body=rooms[0][1][0][1])


@endpoint("DELETE", _KEYS, rate=RateKind.KEYS)
async def delete_room_keys(
    ctx: Context, tenant: Tenant, requester: Requester, request: RoomKeysRequest
) -> RoomKeysUpdateResponse:
    """DELETE /_matrix/client/v3/room_keys/keys.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeys
    """
    part = Part(request.version)
    return _update(await backup_keys.delete_backup_keys(ctx, tenant, requester, part))


@endpoint("DELETE", _KEYS + "/{roomId}", rate=RateKind.KEYS)
async def delete_room_keys_by_room_id(
    ctx: Context, tenant: Tenant, requester: Requester, request: RoomKeysOfRoomRequest
) -> RoomKeysUpdateResponse:
    """DELETE /_matrix/client/v3/room_keys/keys/{roomId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeysroomid
    """
    part = Part(request.version, request.room_id)
    return _update(await backup_keys.delete_backup_keys(ctx, tenant, requester, part))


@endpoint("DELETE", _KEYS + "/{roomId}/{sessionId}", rate=RateKind.KEYS)
async def delete_room_key_by_session_id(
    ctx: Context, tenant: Tenant, requester: Requester, request: RoomKeyRequest
) -> RoomKeysUpdateResponse:
    """DELETE /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeysroomidsessionid
    """
    part = Part(request.version, request.room_id, request.session_id)
    return _update(await backup_keys.delete_backup_keys(ctx, tenant, requester, part))
