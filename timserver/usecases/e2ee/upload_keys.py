"""Publish a device's identity keys, one-time keys and fallback keys."""

import msgspec

from timserver.context import Context
from timserver.matrix import device_keys, errors
from timserver.matrix.json_types import JsonObject
from timserver.store import keys, log, streams
from timserver.store.database import Connection
from timserver.store.device_lists import note_change
from timserver.tenancy import Requester, Tenant


class KeyUpload(msgspec.Struct, frozen=True, kw_only=True):
    """What a device publishes; each part may be absent."""

    device_keys: JsonObject | None = None
    one_time_keys: JsonObject | None = None
    fallback_keys: JsonObject | None = None


async def upload_keys(
    ctx: Context, tenant: Tenant, requester: Requester, upload: KeyUpload
) -> dict[str, int]:
    """Counts of unclaimed one-time keys. The same upload again changes nothing.

    Raises `BadJson` and `InvalidParam` for malformed keys, for other identity keys of a device that has some, and for
    another one-time key under a known id.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysupload
    """
    if upload.device_keys is not None:
        parsed = device_keys.parse_device_keys(upload.device_keys, requester.user_id, requester.device_id)
        if ctx.settings.fixed_device_keys:
            device_keys.check_signed(parsed)
    one_time = named_keys(upload.one_time_keys)
    fallback = named_keys(upload.fallback_keys)
    position = 0
    async with ctx.database.transaction(tenant) as conn:
        if not await keys.lock_device(conn, tenant, requester.device_nid):
            raise errors.UnknownToken()
        changed = upload.device_keys is not None and await publish(
            conn,
            tenant,
            requester.user_nid,
            requester.device_nid,
            upload.device_keys,
            fixed=ctx.settings.fixed_device_keys,
        )
        added = await _add(ctx, conn, tenant, requester.device_nid, one_time) if one_time else False
        if fallback:
            await keys.set_fallback_keys(conn, tenant, requester.device_nid, fallback)
        supply = await keys.supply(conn, tenant, requester.device_nid)
        if changed or added or fallback:
            position = await log.take(conn, tenant)
            await keys.note_counts(conn, tenant, [requester.device_nid], position)
        if changed:
            await note_change(conn, tenant, requester.user_nid, position, [requester.device_id])
    if changed:
        ctx.streams.wake(tenant, position)
        ctx.streams.send(tenant)
    elif position:
        fact = streams.Fact(position, streams.DEVICE_LIST, 0, requester.user_nid)
        ctx.streams.publish(tenant, position, [fact])
    return supply.one_time_key_counts


async def publish(
    conn: Connection, tenant: Tenant, user_nid: int, device_nid: int, value: JsonObject, *, fixed: bool = True
) -> bool:
    """Step: store identity keys; whether anything is new. Raises `InvalidParam` when they would replace others.

    Only a device that was logged in anew may bring other keys; all it had goes then. Signatures that came by
    themselves stay with the same keys.
    """
    known = await keys.own_keys(conn, tenant, device_nid)
    if known is None:
        await keys.set_keys(conn, tenant, user_nid, device_nid, device_keys.encode(value))
        return True
    before = msgspec.json.decode(known.json)
    if device_keys.same_identity(before, value):
        merged = {**value, "signatures": device_keys.signatures_of(before)}
        value = device_keys.with_signatures(merged, device_keys.signatures_of(value))
    elif fixed and not known.replaceable:
        raise errors.InvalidParam("A device cannot change its identity keys")
    else:
        await keys.delete_keys(conn, tenant, [device_nid])
    encoded = device_keys.encode(value)
    if encoded == known.json and not known.replaceable:
        return False
    await keys.set_keys(conn, tenant, user_nid, device_nid, encoded)
    return encoded != known.json


async def _add(
    ctx: Context, conn: Connection, tenant: Tenant, device_nid: int, uploaded: list[keys.UploadedKey]
) -> bool:
    """Whether any is new."""
    known = {
        (key.algorithm, key.key_id): key
        for key in await keys.known_one_time_keys(conn, tenant, device_nid, uploaded)
    }
    fresh = []
    for key in uploaded:
        before = known.get((key.algorithm, key.key_id))
        if before is None or (before.claimed and before.json != key.json):
            fresh.append(key)
        elif before.json != key.json:
            # Clients recognize these words and heal themselves.
            raise errors.InvalidParam(f"One time key {key.algorithm}:{key.key_id} already exists")
    if not fresh:
        return False
    counts = (await keys.supply(conn, tenant, device_nid)).one_time_key_counts
    for algorithm in {key.algorithm for key in fresh}:
        added = sum(key.algorithm == algorithm for key in fresh)
        if counts.get(algorithm, 0) + added > ctx.settings.limits.one_time_keys_per_device_max:
            raise errors.InvalidParam("Too many one-time keys")
    await keys.add_one_time_keys(conn, tenant, device_nid, fresh)
    return True


def named_keys(values: JsonObject | None) -> list[keys.UploadedKey]:
    """One-time or fallback keys by `<algorithm>:<key id>`. Raises `BadJson` and `InvalidParam`."""
    parsed = device_keys.parse_named_keys(values or {})
    return [keys.UploadedKey(key.algorithm, key.key_id, key.json) for key in parsed]
