"""Whose device lists a client must fetch anew, and whose it may forget, between two syncs."""

import msgspec

from timserver.context import Context
from timserver.store import device_lists, terms
from timserver.tenancy import Requester, Tenant


class KeyChanges(msgspec.Struct, frozen=True):
    """User ids, sorted."""

    changed: list[str]
    left: list[str]


async def list_key_changes(
    ctx: Context, tenant: Tenant, requester: Requester, since: int, up_to: int
) -> KeyChanges:
    """Between two positions of the tenant's log.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3keyschanges
    """
    bounds = (requester.user_nid, since, up_to)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        changed = set(await device_lists.changed_since(conn, tenant, *bounds))
        changed |= set(await device_lists.joined_since(conn, tenant, *bounds))
        left = set(await device_lists.parted_since(conn, tenant, *bounds))
        names = await terms.names_of(conn, ctx.caches, tenant, changed | left)
    return KeyChanges(sorted(names[nid] for nid in changed), sorted(names[nid] for nid in left))
