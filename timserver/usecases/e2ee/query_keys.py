"""Public keys of users: their devices, and their cross-signing keys."""

from collections.abc import Collection, Mapping

import msgspec

from timserver.context import Context
from timserver.matrix.cross_signing import USER_SIGNING
from timserver.matrix.device_keys import Signatures, with_signatures
from timserver.store import cross_signing, device_lists, terms
from timserver.store.database import Connection
from timserver.tenancy import Requester, Tenant, Variant
from timserver.usecases.e2ee.local_keys import KeysOfUsers, is_local, read_local_keys
from timserver.usecases.e2ee.remote_keys import Failures, remote_keys


class _Keys(msgspec.Struct):
    keys: dict[str, str]


async def query_keys(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    wanted: Mapping[str, Collection[str]],
    within_s: float,
) -> tuple[KeysOfUsers, Failures]:
    """Keys of all devices of some users, or of those named; and the servers that did not answer `within_s`.

    A local user without any keys has an empty entry. In TI-M tenants a user who has no room in common with the
    requester is left out (GSC298, MSC4263).
    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery
    """
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        visible = await _visible(ctx, conn, tenant, requester, wanted)
        local = {user_id: devices for user_id, devices in visible.items() if is_local(tenant, user_id)}
        found = await read_local_keys(ctx, conn, tenant, local, with_names=True)
    remote = {user_id: devices for user_id, devices in visible.items() if user_id not in local}
    failures: Failures = {}
    if remote:
        theirs, failures = await remote_keys(ctx, tenant, remote, within_s)
        found.device_keys.update(theirs.device_keys)
        found.master_keys.update(theirs.master_keys)
        found.self_signing_keys.update(theirs.self_signing_keys)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        await _add_own(ctx, conn, tenant, requester, found, asked=requester.user_id in local)
    return found, failures


async def _visible(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    requester: Requester,
    wanted: Mapping[str, Collection[str]],
) -> Mapping[str, Collection[str]]:
    if tenant.variant is Variant.OFF:
        return wanted
    nids = await terms.find(conn, ctx.caches, tenant, list(wanted))
    seen = await device_lists.visible_to(conn, tenant, requester.user_nid, list(nids.values()))
    return {user_id: devices for user_id, devices in wanted.items() if nids.get(user_id) in seen}


async def _add_own(
    ctx: Context, conn: Connection, tenant: Tenant, requester: Requester, found: KeysOfUsers, *, asked: bool
) -> None:
    """What only the requester may see: the own user-signing key, and what it has signed."""
    if asked:
        for row in await cross_signing.keys_of(conn, tenant, [requester.user_nid]):
            if row.usage == USER_SIGNING:
                found.user_signing_keys[requester.user_id] = msgspec.Raw(row.json)
    nids = await terms.find(conn, ctx.caches, tenant, list(found.master_keys))
    names = {nid: user_id for user_id, nid in nids.items()}
    for signed in await cross_signing.signatures_by(conn, tenant, requester.user_nid, list(names)):
        user_id = names[signed.target_nid]
        master = found.master_keys[user_id]
        if f"ed25519:{signed.target_key}" in msgspec.json.decode(master, type=_Keys).keys:
            added: Signatures = {requester.user_id: {signed.signing_key_id: signed.signature}}
            whole = with_signatures(msgspec.json.decode(master), added)
            found.master_keys[user_id] = msgspec.Raw(msgspec.json.encode(whole))
