"""Dehydrated devices (MSC3814; A_26574): put one away, take it up again, read what it was sent, remove it.

The device is one of the user's devices, so that it is found, claimed and written to like any other. It has no session,
and survives when all sessions end. What it was sent stays until the device is removed.
"""

import msgspec

from timserver.context import Context
from timserver.matrix import device_keys, errors
from timserver.matrix.ids import DeviceID
from timserver.matrix.json_types import JsonObject
from timserver.store import accounts, cross_signing, dehydrated_devices, keys, log, to_device
from timserver.store.accounts import DeviceRow
from timserver.store.database import Connection
from timserver.store.dehydrated_devices import DehydratedRow
from timserver.store.device_lists import note_change
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.log_out import end_devices
from timserver.usecases.e2ee.upload_keys import KeyUpload, named_keys
from timserver.usecases.sync import token


class NewDevice(msgspec.Struct, frozen=True):
    """What a client puts away."""

    device_id: str
    device_data: JsonObject
    display_name: str | None
    upload: KeyUpload


class Batch(msgspec.Struct, frozen=True):
    """Messages as JSON; `next_batch` goes on after the last of them."""

    events: list[bytes]
    next_batch: str
    is_last: bool


async def put_dehydrated_device(ctx: Context, tenant: Tenant, requester: Requester, new: NewDevice) -> None:
    """Takes the place of the one before, which goes with all that is its. Raises as `upload_keys` does, and
    `InvalidParam` for an id that another device or cross-signing key has.
    """
    if new.upload.device_keys is None:
        raise errors.MissingParam("Missing device_keys")
    device_keys.parse_device_keys(new.upload.device_keys, requester.user_id, DeviceID(new.device_id))
    one_time, fallback = named_keys(new.upload.one_time_keys), named_keys(new.upload.fallback_keys)
    if len(one_time) > ctx.settings.limits.one_time_keys_per_device_max:
        raise errors.InvalidParam("Too many one-time keys")
    (device_nid,) = await ctx.database.take_nids(1)
    async with ctx.database.transaction(tenant) as conn:
        await cross_signing.lock_user(conn, tenant, requester.user_nid)
        gone = await _make_room(conn, tenant, requester, new.device_id)
        row = DeviceRow(device_nid, new.device_id, new.display_name, None, None)
        await accounts.upsert_device(conn, tenant, requester.user_nid, row, ctx.clock.now_ms())
        encoded = device_keys.encode(new.upload.device_keys)
        await keys.set_keys(conn, tenant, requester.user_nid, device_nid, encoded)
        await keys.add_one_time_keys(conn, tenant, device_nid, one_time)
        await keys.set_fallback_keys(conn, tenant, device_nid, fallback)
        data = msgspec.json.encode(new.device_data)
        await dehydrated_devices.put(conn, tenant, requester.user_nid, device_nid, data)
        changed = {*gone, new.device_id}
        position = await log.take(conn, tenant, len(changed))
        await note_change(conn, tenant, requester.user_nid, position, list(changed))
    ctx.streams.wake(tenant, position)
    ctx.streams.send(tenant)


async def find_dehydrated_device(ctx: Context, tenant: Tenant, requester: Requester) -> DehydratedRow:
    """Raises `NotFound`."""
    async with ctx.database.transaction(tenant) as conn:
        row = await dehydrated_devices.find(conn, tenant, requester.user_nid)
    if row is None:
        raise errors.NotFound("No dehydrated device available")
    return row


async def delete_dehydrated_device(ctx: Context, tenant: Tenant, requester: Requester) -> str:
    """The id of the device that was removed. Raises `NotFound`."""
    row = await find_dehydrated_device(ctx, tenant, requester)
    await end_devices(ctx, tenant, requester.user_nid, [row.device_nid])
    return row.device_id


async def read_dehydrated_events(
    ctx: Context, tenant: Tenant, requester: Requester, device_id: str, after: str | None
) -> Batch:
    """The next messages; nothing is deleted by reading. Raises `Forbidden` when it is not the dehydrated device."""
    since = token.read(after) if after else 0
    limit = ctx.settings.limits.sync_to_device_max
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        row = await dehydrated_devices.find(conn, tenant, requester.user_nid)
        if row is None or row.device_id != device_id:
            raise errors.Forbidden("This is not the dehydrated device")
        up_to = max(since, await log.read(conn, tenant))
        found = await to_device.inbox(conn, tenant, row.device_nid, since, up_to, limit + 1)
    events = found[:limit]
    reached = events[-1][0] if events else up_to
    return Batch([message for _, message in events], token.write(reached), len(found) <= limit)


async def _make_room(conn: Connection, tenant: Tenant, requester: Requester, device_id: str) -> list[str]:
    """The dehydrated device before goes; its id."""
    removed: list[str] = []
    before = await dehydrated_devices.find(conn, tenant, requester.user_nid)
    if before is not None:
        gone = [before.device_nid]
        removed = await accounts.delete_devices(conn, tenant, requester.user_nid, gone)
        await keys.delete_keys(conn, tenant, gone)
        await to_device.delete_inboxes(conn, tenant, gone)
    public = {row.public_key for row in await cross_signing.keys_of(conn, tenant, [requester.user_nid])}
    taken = await accounts.find_device(conn, tenant, requester.user_nid, device_id)
    if taken is not None or device_id in public:
        raise errors.InvalidParam("Device ID in use")
    return removed
