"""Steps: what is remembered of the devices and keys of another server's user, and fetching it anew.

A list is remembered only of users who share a room with us: only for them the other server sends updates. An update that
does not follow the version that is known marks the list as stale; the next question fetches it.

Spec: https://spec.matrix.org/v1.19/server-server-api/#device-management
"""

from collections.abc import Mapping, Sequence
from typing import Any

from timserver.context import Context
from timserver.matrix import cross_signing as rules
from timserver.matrix import device_keys, errors
from timserver.matrix.cross_signing import MASTER, SELF_SIGNING
from timserver.matrix.ids import DeviceID, UserID, server_name_of
from timserver.matrix.json_types import JsonObject
from timserver.remote.errors import RemoteError
from timserver.remote.federation import user_keys as remote_keys
from timserver.remote.federation.user_keys import RemoteDevice
from timserver.store import cross_signing, log, remote_devices
from timserver.store.database import Connection
from timserver.store.remote_devices import DeviceRow, ListRow
from timserver.tenancy import Tenant

_DEVICE_KEYS_BYTES_MAX = 65_536
_DEVICE_ID_BYTES_MAX = 255


async def fetch_devices(
    ctx: Context, tenant: Tenant, user_id: UserID, user_nid: int, within_s: float
) -> None:
    """Fetch the whole list and remember it. Raises RemoteError."""
    async with ctx.database.transaction(tenant) as conn:
        position = await log.read(conn, tenant)
    server = server_name_of(user_id)
    answer = await remote_keys.get_user_devices(ctx.remote, tenant, server, user_id, within_s)
    if len(answer.devices) > ctx.settings.limits.devices_per_user_max:
        raise RemoteError("too many devices", status=200)
    rows = [row for device in answer.devices if (row := device_row(user_id, user_nid, device)) is not None]
    async with ctx.database.transaction(tenant) as conn:
        known = await remote_devices.lock_list(conn, tenant, user_nid)
        is_older = known is not None and known.stream_id > answer.stream_id
        if known is not None and is_older and not known.stale and known.position >= position:
            return  # somebody has stored a newer one in the meantime
        await remote_devices.put_devices(conn, tenant, user_nid, rows, instead=True)
        await replace_cross_signing(
            conn, tenant, (user_id, user_nid), answer.master_key, answer.self_signing_key
        )
        if known is None or not (is_older and known.stale):  # else an update told of what the answer lacks
            fresh = ListRow(user_nid, answer.stream_id, position, stale=False)
            await remote_devices.set_list(conn, tenant, fresh)


def device_row(user_id: UserID, user_nid: int, device: RemoteDevice) -> DeviceRow | None:
    """A device as it is remembered; None when it cannot be one of the user's."""
    if not device.device_id or len(device.device_id.encode()) > _DEVICE_ID_BYTES_MAX:
        return None
    body = checked_keys(user_id, device.device_id, device.keys)
    if device.keys is not None and body is None:
        return None
    return DeviceRow(user_nid, device.device_id, device.device_display_name, body)


def checked_keys(user_id: UserID, device_id: str, value: Mapping[str, Any] | None) -> bytes | None:
    """Identity keys as they are stored; None when there are none, or they are another's or malformed."""
    if value is None:
        return None
    try:
        device_keys.parse_device_keys(value, user_id, DeviceID(device_id))
        body = device_keys.encode(value)
    except errors.MatrixError:
        return None
    return body if len(body) <= _DEVICE_KEYS_BYTES_MAX else None


async def replace_cross_signing(
    conn: Connection,
    tenant: Tenant,
    user: tuple[UserID, int],
    master: JsonObject | None,
    self_signing: JsonObject | None,
) -> None:
    """The user's keys are these and no others; what is malformed or not signed by the master key counts as none."""
    user_id, user_nid = user
    rows = checked_cross_signing(user_id, user_nid, master, self_signing)
    public_key = rows[0].public_key if rows else ""
    await cross_signing.replace_master(conn, tenant, user_nid, public_key, [row.usage for row in rows])
    for row in rows:
        await cross_signing.set_key(conn, tenant, row)


def checked_cross_signing(
    user_id: UserID, user_nid: int, master: JsonObject | None, self_signing: JsonObject | None
) -> Sequence[cross_signing.KeyRow]:
    """The master key, and the self-signing key that it has signed."""
    try:
        parsed = rules.parse(master, MASTER, user_id) if master is not None else None
        if parsed is None:
            return []
        rows = [cross_signing.KeyRow(user_nid, MASTER, parsed.public_key, device_keys.encode(parsed.value))]
    except errors.MatrixError:
        return []
    try:
        own = rules.parse(self_signing, SELF_SIGNING, user_id) if self_signing is not None else None
        if own is not None and rules.is_signed_by(own.value, user_id, parsed.key_id, parsed.public_key):
            body = device_keys.encode(own.value)
            rows.append(cross_signing.KeyRow(user_nid, SELF_SIGNING, own.public_key, body))
    except errors.MatrixError:
        pass
    return rows
