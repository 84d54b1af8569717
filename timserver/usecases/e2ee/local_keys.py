"""Step: public keys of users of this server, for whoever may ask."""

from collections.abc import Collection, Mapping

import msgspec

from timserver.context import Context
from timserver.matrix.cross_signing import MASTER, SELF_SIGNING
from timserver.matrix.ids import InvalidID, parse_user_id, server_name_of
from timserver.store import cross_signing, keys, log, streams, terms, to_device
from timserver.store.database import Connection
from timserver.tenancy import Tenant

ClaimedKeys = dict[str, dict[str, dict[str, msgspec.Raw]]]
"""By user, device, and `<algorithm>:<key id>`."""


class KeysOfUsers(msgspec.Struct, frozen=True):
    """Keys as JSON: of devices by user and device id, of the rest by user."""

    device_keys: dict[str, dict[str, msgspec.Raw]]
    master_keys: dict[str, msgspec.Raw]
    self_signing_keys: dict[str, msgspec.Raw]
    user_signing_keys: dict[str, msgspec.Raw]


def is_local(tenant: Tenant, user_id: str) -> bool:
    """Whether it is a user id of this homeserver."""
    try:
        return server_name_of(parse_user_id(user_id)) == tenant.server_name
    except InvalidID:
        return False


async def read_local_keys(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    wanted: Mapping[str, Collection[str]],
    *,
    with_names: bool,
) -> KeysOfUsers:
    """Of all devices of these local users, or of those named; user-signing keys of nobody.

    Names of devices are for the users of this server, unless `settings.federation.device_names` lets others know.
    """
    nids = await terms.find(conn, ctx.caches, tenant, list(wanted))
    names = {nid: user_id for user_id, nid in nids.items()}
    found = KeysOfUsers({user_id: {} for user_id in wanted}, {}, {}, {})
    for device in await keys.keys_of_users(conn, tenant, list(names)):
        user_id = names[device.user_nid]
        if not wanted[user_id] or device.device_id in wanted[user_id]:
            name = device.display_name if with_names else None
            found.device_keys[user_id][device.device_id] = with_name(device.json, name)
    add_cross_signing_keys(found, names, await cross_signing.keys_of(conn, tenant, list(names)))
    return found


def add_cross_signing_keys(
    found: KeysOfUsers, names: Mapping[int, str], rows: Collection[cross_signing.KeyRow]
) -> None:
    """Put master and self-signing keys in their places."""
    for row in rows:
        if row.usage == MASTER:
            found.master_keys[names[row.user_nid]] = msgspec.Raw(row.json)
        elif row.usage == SELF_SIGNING:
            found.self_signing_keys[names[row.user_nid]] = msgspec.Raw(row.json)


def with_name(body: bytes, display_name: str | None) -> msgspec.Raw:
    """What is stored is an object without `unsigned`, which is spliced in."""
    name = {} if display_name is None else {"device_display_name": display_name}
    return msgspec.Raw(body[:-1] + b',"unsigned":' + msgspec.json.encode(name) + b"}")


async def claim_local_keys(
    ctx: Context, tenant: Tenant, wanted: Mapping[str, Mapping[str, str]]
) -> ClaimedKeys:
    """A key for each (user, device, algorithm) of these local users; who has none left is missing."""
    position = 0
    async with ctx.database.transaction(tenant) as conn:
        nids = await terms.find(conn, ctx.caches, tenant, list(wanted))
        names = {nid: user_id for user_id, nid in nids.items()}
        devices = {
            target.device_nid: target
            for target in await to_device.targets(conn, tenant, list(names))
            if target.device_id in wanted[names[target.user_nid]]
        }
        pairs = [(nid, wanted[names[target.user_nid]][target.device_id]) for nid, target in devices.items()]
        claimed = await keys.claim_keys(conn, tenant, pairs) if pairs else []
        if claimed:
            position = await log.take(conn, tenant)
            await keys.note_counts(conn, tenant, {key.device_nid for key in claimed}, position)
    if position:
        owners = {devices[key.device_nid].user_nid for key in claimed}
        facts = [streams.Fact(position, streams.DEVICE_LIST, 0, nid) for nid in owners]
        ctx.streams.publish(tenant, position, facts)
    found: ClaimedKeys = {}
    for key in claimed:
        target = devices[key.device_nid]
        of_user = found.setdefault(names[target.user_nid], {})
        of_user[target.device_id] = {f"{key.algorithm}:{key.key_id}": msgspec.Raw(key.json)}
    return found
