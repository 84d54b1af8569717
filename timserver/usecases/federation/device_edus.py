"""Step: what other servers are told of the devices and cross-signing keys of local users.

Each change of a device is one EDU with a number of its own, its position in the log, and names the change before. Who
has missed one asks for the whole list. When a user joins a room where the server is, the last change is told again: to
a server that knows the list it is no news, any other sees that it lacks something.

Spec: https://spec.matrix.org/v1.19/server-server-api/#device-management
"""

from collections.abc import Mapping, Sequence

import msgspec

from timserver.matrix import edus
from timserver.matrix.cross_signing import MASTER, SELF_SIGNING
from timserver.matrix.json_types import JsonObject
from timserver.store import accounts, cross_signing, keys, outgoing
from timserver.store.database import Connection
from timserver.store.outgoing import LatestChange, Outgoing
from timserver.tenancy import Tenant

CROSS_SIGNING_NAMES = {MASTER: "master_key", SELF_SIGNING: "self_signing_key"}


async def device_edus(
    conn: Connection,
    tenant: Tenant,
    names: Mapping[int, str],
    facts: Sequence[Outgoing],
    *,
    with_names: bool,
) -> list[JsonObject]:
    """EDUs of the facts on devices and joins, in the order of the log; `names` are those of all users in the facts."""
    changes = [
        LatestChange(fact.user_nid or 0, fact.detail or "", fact.position, fact.number)
        for fact in facts
        if fact.kind == outgoing.DEVICE_LIST
    ]
    told = {change.user_nid for change in changes if change.device_id}
    joined = {fact.user_nid or 0 for fact in facts if fact.kind == outgoing.JOINED} - told
    if joined:
        changes += await outgoing.latest_changes(conn, tenant, sorted(joined))
    if not changes:
        return []
    ordered = sorted(changes, key=lambda change: change.position)
    return await _build(conn, tenant, names, ordered, with_names=with_names)


async def _build(
    conn: Connection,
    tenant: Tenant,
    names: Mapping[int, str],
    changes: Sequence[LatestChange],
    *,
    with_names: bool,
) -> list[JsonObject]:
    users = sorted({change.user_nid for change in changes})
    existing = {
        (user_nid, device.device_id): device.display_name
        for user_nid in users
        for device in await accounts.devices(conn, tenant, user_nid)
    }
    published = {
        (device.user_nid, device.device_id): msgspec.Raw(device.json)
        for device in await keys.keys_of_users(conn, tenant, users)
    }
    crosses = await cross_signing.keys_of(conn, tenant, users)
    built = []
    for change in changes:
        user_id = names[change.user_nid]
        if not change.device_id:
            of_user = {
                CROSS_SIGNING_NAMES[row.usage]: msgspec.Raw(row.json)
                for row in crosses
                if row.user_nid == change.user_nid and row.usage in CROSS_SIGNING_NAMES
            }
            built.append(edus.signing_key_update(user_id, of_user))
            continue
        device = (change.user_nid, change.device_id)
        built.append(
            edus.device_list_update(
                edus.DeviceChange(
                    user_id=user_id,
                    device_id=change.device_id,
                    stream_id=change.position,
                    prev_id=(change.previous_position,) if change.previous_position else (),
                    is_deleted=device not in existing,
                    keys=published.get(device),
                    display_name=existing.get(device) if with_names else None,
                )
            )
        )
    return built
