"""Step: public keys of servers, to verify what they signed.

In memory, else in the table, else from the server itself, else from the notaries of the settings; of tenants of this
deployment from their rows. Asked for in batches, never once per event (MAP 1.11).

Spec: https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys
"""

from collections.abc import Iterable

import msgspec

from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.matrix.server_keys import VALID_MS_MAX, is_key_id
from timserver.store.caches import KnownKey
from timserver.tenancy import Tenant
from timserver.usecases.federation.fetching_keys import fetch_keys
from timserver.usecases.federation.known_keys import KeyName, remembered, stored
from timserver.usecases.federation.own_keys import tenant_keys
from timserver.usecases.tenants import find_tenant


class KeyWanted(msgspec.Struct, frozen=True):
    """A key that must have been valid at a time; 0: whenever (events of room versions 1 to 4)."""

    server_name: ServerName
    key_id: str
    valid_at_ts: int


async def keys_for(
    ctx: Context, tenant: Tenant, wanted: Iterable[KeyWanted], *, stranger: str | None = None
) -> dict[tuple[ServerName, str], bytes]:
    """The keys that could be had and were valid. Who wants a key for several times uses `find_keys`."""
    wanted = list(wanted)
    known = await find_keys(ctx, tenant, wanted, stranger=stranger)
    found: dict[KeyName, bytes] = {}
    for item in wanted:
        key = known.get((item.server_name, item.key_id))
        if key is not None and key.satisfies(item.valid_at_ts):
            found[item.server_name, item.key_id] = key.public_key
    return found


async def find_keys(
    ctx: Context, tenant: Tenant, wanted: Iterable[KeyWanted], *, stranger: str | None = None
) -> dict[KeyName, KnownKey]:
    """The keys that could be had, valid at the wanted time or not. `tenant` is who asks other servers for them.

    `stranger`: the address of somebody unproved for whom it is done; raises `LimitExceeded` when we would go and ask
    for unknown servers too often for one address.
    """
    times: dict[KeyName, int] = {}
    for item in wanted:
        name = (item.server_name, item.key_id)
        if not is_key_id(item.key_id):
            continue
        times[name] = max(item.valid_at_ts, times.get(name, 0))
    known = remembered(ctx, times)
    here, of_tenants = await _of_tenants(ctx, [name for name in times if name not in known])
    elsewhere = [name for name in times if name not in known and name[0] not in here]
    known |= await stored(ctx, elsewhere)
    horizon_ts = ctx.clock.now_ms() + VALID_MS_MAX
    missing = {
        name: ts
        for name, ts in times.items()
        if name[0] not in here and ts <= horizon_ts and _should_ask(known.get(name), ts)
    }
    if stranger is not None and any(name not in known for name in missing):
        ctx.caches.rates.take(tenant, RateKind.NOTARY, stranger)
    if missing:
        await fetch_keys(ctx, tenant, missing)
        known |= await stored(ctx, missing)
    return known | of_tenants


def _should_ask(key: KnownKey | None, valid_at_ts: int) -> bool:
    if key is None:
        return True
    return not key.is_old and valid_at_ts > min(key.refresh_ts, key.usable_until_ts)


async def _of_tenants(
    ctx: Context, names: Iterable[KeyName]
) -> tuple[set[ServerName], dict[KeyName, KnownKey]]:
    """Which of the servers are tenants here, and their keys: no HTTP."""
    here: set[ServerName] = set()
    found: dict[KeyName, KnownKey] = {}
    for server_name, key_id in names:
        signer = await find_tenant(ctx, server_name)
        if signer is None or signer.server_name != server_name:
            continue
        here.add(server_name)
        key = (await tenant_keys(ctx, signer)).get(key_id)
        if key is not None:
            found[server_name, key_id] = key
    return here, found
