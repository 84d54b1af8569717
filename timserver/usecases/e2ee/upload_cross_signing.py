"""Publish cross-signing keys: the first ones freely, others only with a proof of who asks."""

from collections.abc import Mapping, Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import cross_signing as rules
from timserver.matrix import device_keys, errors
from timserver.matrix.cross_signing import MASTER, CrossSigningKey
from timserver.matrix.json_types import JsonObject
from timserver.store import accounts, cross_signing, log, outgoing
from timserver.store.database import Connection
from timserver.store.device_lists import note_change
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.uia import Attempt, prove_password

KnownKeys = Mapping[str, cross_signing.KeyRow]
"""A user's cross-signing keys by usage."""


async def upload_cross_signing(
    ctx: Context, tenant: Tenant, requester: Requester, values: Mapping[str, JsonObject], attempt: Attempt
) -> None:
    """Keys by usage. Keys that are known already change nothing and need no proof; nor do the first keys of a user.

    Raises what `prove_password` raises; `BadJson`, `InvalidParam`, `InvalidSignature` and `MissingParam` (no master key)
    for keys that cannot be; `Forbidden` for a public key that is the id of a device.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysdevice_signingupload
    """
    uploaded = [rules.parse(value, usage, requester.user_id) for usage, value in values.items()]
    position = await _store(ctx, tenant, requester, uploaded, proven=False)
    if position is None:
        await prove_password(ctx, tenant, requester, attempt)
        position = await _store(ctx, tenant, requester, uploaded, proven=True)
    if position:
        ctx.streams.wake(tenant, position)
        ctx.streams.send(tenant)


async def _store(
    ctx: Context, tenant: Tenant, requester: Requester, uploaded: Sequence[CrossSigningKey], *, proven: bool
) -> int | None:
    """The position of the change, 0 for none; None when a proof is needed first."""
    async with ctx.database.transaction(tenant) as conn:
        await cross_signing.lock_user(conn, tenant, requester.user_nid)
        rows = await cross_signing.keys_of(conn, tenant, [requester.user_nid])
        known = {row.usage: row for row in rows}
        fresh = [key for key in uploaded if not _is_known(key, known)]
        if not fresh:
            return 0
        _check_signatures(requester, fresh, uploaded, known)
        await _check_ids(conn, tenant, requester, fresh)
        if MASTER in known and not proven:
            return None
        await _write(conn, tenant, requester, fresh, uploaded)
        position = await log.take(conn, tenant)
        await note_change(conn, tenant, requester.user_nid, position, [outgoing.CROSS_SIGNING])
        return position


def _is_known(key: CrossSigningKey, known: KnownKeys) -> bool:
    row = known.get(key.usage)
    return row is not None and device_keys.same_but_for_signatures(key.value, msgspec.json.decode(row.json))


def _check_signatures(
    requester: Requester,
    fresh: Sequence[CrossSigningKey],
    uploaded: Sequence[CrossSigningKey],
    known: KnownKeys,
) -> None:
    masters = [key.public_key for key in uploaded if key.usage == MASTER]
    if not masters and MASTER in known:
        masters = [known[MASTER].public_key]
    if not masters:
        raise errors.MissingParam("There is no master key")
    for key in fresh:
        signed = rules.is_signed_by(key.value, requester.user_id, f"ed25519:{masters[0]}", masters[0])
        if key.usage != MASTER and not signed:
            raise errors.InvalidSignature(f"The {key.usage} key is not signed by the master key")


async def _check_ids(
    conn: Connection, tenant: Tenant, requester: Requester, fresh: Sequence[CrossSigningKey]
) -> None:
    """Device ids and public keys are one name space for clients that verify."""
    taken = {device.device_id for device in await accounts.devices(conn, tenant, requester.user_nid)}
    if taken & {key.public_key for key in fresh}:
        raise errors.Forbidden("Key ID in use")


async def _write(
    conn: Connection,
    tenant: Tenant,
    requester: Requester,
    fresh: Sequence[CrossSigningKey],
    uploaded: Sequence[CrossSigningKey],
) -> None:
    for key in fresh:
        if key.usage == MASTER:
            kept = [other.usage for other in uploaded]
            await cross_signing.replace_master(conn, tenant, requester.user_nid, key.public_key, kept)
        row = cross_signing.KeyRow(
            requester.user_nid, key.usage, key.public_key, device_keys.encode(key.value)
        )
        await cross_signing.set_key(conn, tenant, row)
