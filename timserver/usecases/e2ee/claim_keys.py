"""Claim one-time keys of devices."""

from collections.abc import Mapping

import msgspec

from timserver.context import Context
from timserver.store import keys, log, streams, terms, to_device
from timserver.tenancy import Tenant
from timserver.usecases.e2ee.query_keys import is_local

ClaimedKeys = dict[str, dict[str, dict[str, msgspec.Raw]]]
"""By user, device, and `<algorithm>:<key id>`."""


async def claim_keys(ctx: Context, tenant: Tenant, wanted: Mapping[str, Mapping[str, str]]) -> ClaimedKeys:
    """A key for each (user, device, algorithm) of this homeserver; who has none left is missing.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim
    """
    local = [user_id for user_id in wanted if is_local(tenant, user_id)]
    position = 0
    async with ctx.database.transaction(tenant) as conn:
        nids = await terms.find(conn, ctx.caches, tenant, local)
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
