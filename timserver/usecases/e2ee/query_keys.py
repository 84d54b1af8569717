"""Public keys of users: their devices, and their cross-signing keys."""

from collections.abc import Collection, Mapping

import msgspec

from timserver.context import Context
from timserver.matrix.cross_signing import MASTER, SELF_SIGNING
from timserver.matrix.device_keys import Signatures, with_signatures
from timserver.matrix.ids import InvalidID, parse_user_id, server_name_of
from timserver.store import cross_signing, device_lists, keys, terms
from timserver.store.database import Connection
from timserver.tenancy import Requester, Tenant, Variant

_encode = msgspec.json.encode


class KeysOfUsers(msgspec.Struct, frozen=True):
    """Keys as JSON: of devices by user and device id, of the rest by user."""

    device_keys: dict[str, dict[str, msgspec.Raw]]
    master_keys: dict[str, msgspec.Raw]
    self_signing_keys: dict[str, msgspec.Raw]
    user_signing_keys: dict[str, msgspec.Raw]


async def query_keys(
    ctx: Context, tenant: Tenant, requester: Requester, wanted: Mapping[str, Collection[str]]
) -> KeysOfUsers:
    """Keys of local users, of all their devices or of those named. A user without any has an empty entry.

    In TI-M tenants a user who has no room in common with the requester is left out (GSC298, MSC4263).
    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery
    """
    local = [user_id for user_id in wanted if is_local(tenant, user_id)]
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        nids = await terms.find(conn, ctx.caches, tenant, local)
        visible = set(local)
        if tenant.variant is not Variant.OFF:
            seen = await device_lists.visible_to(conn, tenant, requester.user_nid, list(nids.values()))
            visible = {user_id for user_id, nid in nids.items() if nid in seen}
        names = {nid: user_id for user_id, nid in nids.items() if user_id in visible}
        devices = await keys.keys_of_users(conn, tenant, list(names))
        crosses = await cross_signing.keys_of(conn, tenant, list(names))
        own = await _own_signatures(conn, tenant, requester, crosses)
    found = KeysOfUsers({user_id: {} for user_id in local if user_id in visible}, {}, {}, {})
    for device in devices:
        user_id = names[device.user_nid]
        if not wanted[user_id] or device.device_id in wanted[user_id]:
            found.device_keys[user_id][device.device_id] = _with_name(device)
    for row in crosses:
        user_id = names[row.user_nid]
        if row.usage == MASTER:
            found.master_keys[user_id] = msgspec.Raw(own.get(row.user_nid, row.json))
        elif row.usage == SELF_SIGNING:
            found.self_signing_keys[user_id] = msgspec.Raw(row.json)
        elif row.user_nid == requester.user_nid:
            found.user_signing_keys[user_id] = msgspec.Raw(row.json)
    return found


def is_local(tenant: Tenant, user_id: str) -> bool:
    """Whether it is a user id of this homeserver."""
    try:
        return server_name_of(parse_user_id(user_id)) == tenant.server_name
    except InvalidID:
        return False


async def _own_signatures(
    conn: Connection, tenant: Tenant, requester: Requester, crosses: list[cross_signing.KeyRow]
) -> dict[int, bytes]:
    """Master keys that the requester's user-signing key has signed, with that signature, by user."""
    masters = {row.user_nid: row for row in crosses if row.usage == MASTER}
    signed: dict[int, bytes] = {}
    for row in await cross_signing.signatures_by(conn, tenant, requester.user_nid, list(masters)):
        master = masters[row.target_nid]
        if row.target_key == master.public_key:
            value = msgspec.json.decode(signed.get(row.target_nid, master.json))
            added: Signatures = {requester.user_id: {row.signing_key_id: row.signature}}
            signed[row.target_nid] = _encode(with_signatures(value, added))
    return signed


def _with_name(device: keys.DeviceKeys) -> msgspec.Raw:
    """What is stored is an object without `unsigned`, which is spliced in."""
    name = {} if device.display_name is None else {"device_display_name": device.display_name}
    return msgspec.Raw(device.json[:-1] + b',"unsigned":' + _encode(name) + b"}")
