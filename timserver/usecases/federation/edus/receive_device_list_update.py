"""`m.device_list_update`: a device of another server's user is new, changed or gone.

Spec: https://spec.matrix.org/v1.19/server-server-api/#device-management
"""

from typing import Annotated, Any

import msgspec
import structlog

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.canonical_json import INTEGER_MAX
from timserver.matrix.ids import ServerName, UserID
from timserver.matrix.json_types import JsonObject
from timserver.remote.errors import RemoteError
from timserver.remote.federation.user_keys import RemoteDevice
from timserver.store import log, remote_devices, terms
from timserver.store.database import Connection
from timserver.store.device_lists import note_change
from timserver.store.remote_devices import ListRow
from timserver.tenancy import Tenant
from timserver.usecases.e2ee.remote_devices import device_row, fetch_devices
from timserver.usecases.federation.edus.reading import read_content, user_of

_log = structlog.get_logger("timserver.edus")

FETCH_S = 10.0


class _Update(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    device_id: str
    stream_id: Annotated[int, msgspec.Meta(ge=0, le=INTEGER_MAX)]
    prev_id: list[int] = []
    deleted: bool = False
    device_display_name: str | None = None
    keys: dict[str, Any] | None = None


async def receive_device_list_update(
    ctx: Context, tenant: Tenant, origin: ServerName, content: JsonObject
) -> None:
    """Of a user who shares a room with us; what is remembered of others is dropped, as no update of it will come.

    An update that does not follow what is known makes the list stale, and it is fetched at once; when that fails, the
    next question for the user's keys fetches it. Raises `BadJson`, `Forbidden`.
    """
    edu = read_content(content, _Update)
    user_id = user_of(origin, edu.user_id)
    position, is_gap = 0, False
    async with ctx.database.transaction(tenant) as conn:
        user_nid = (await terms.find(conn, ctx.caches, tenant, [user_id])).get(user_id)
        if user_nid is None:
            return
        if not await remote_devices.sharing_with_us(conn, tenant, [user_nid]):
            await remote_devices.forget(conn, tenant, user_nid)
            return
        known = await remote_devices.lock_list(conn, tenant, user_nid)
        if known is not None and not known.stale and edu.stream_id <= known.stream_id:
            return
        is_gap = not await _apply(ctx, conn, tenant, known, (user_id, user_nid), edu)
        position = await log.take(conn, tenant)
        await note_change(conn, tenant, user_nid, position)
    ctx.streams.wake(tenant, position)
    if is_gap and known is not None:
        try:
            await fetch_devices(ctx, tenant, user_id, user_nid, FETCH_S)
        except RemoteError as error:
            _log.info("device list stays stale", origin=origin, error=str(error))


async def _apply(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    known: ListRow | None,
    user: tuple[UserID, int],
    edu: _Update,
) -> bool:
    """Change the one device; False when the list was not known, or not in the version that the update follows."""
    user_id, user_nid = user
    valid = known is not None and user_nid in await remote_devices.valid_lists(conn, tenant, [user_nid])
    follows = known is not None and bool(edu.prev_id) and max(edu.prev_id) <= known.stream_id
    if known is None or not valid or not follows:
        await remote_devices.mark_stale(conn, tenant, user_nid, edu.stream_id)
        return False
    if edu.deleted:
        await remote_devices.delete_device(conn, tenant, user_nid, edu.device_id)
    else:
        row = device_row(user_id, user_nid, RemoteDevice(edu.device_id, edu.keys, edu.device_display_name))
        if row is None:
            raise errors.BadJson("EDU: not the keys of that device")
        most = ctx.settings.limits.devices_per_user_max
        if await remote_devices.count_devices(conn, tenant, user_nid) >= most:
            await remote_devices.mark_stale(conn, tenant, user_nid, edu.stream_id)
            return False
        await remote_devices.put_devices(conn, tenant, user_nid, [row], instead=False)
    here = max(known.position, await log.read(conn, tenant))
    await remote_devices.set_list(conn, tenant, ListRow(user_nid, edu.stream_id, here, stale=False))
    return True
