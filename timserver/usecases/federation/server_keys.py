"""Step: public keys of servers, to verify what they signed."""

from collections.abc import Iterable

import msgspec

from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.store import tenants
from timserver.tenancy import Tenant
from timserver.usecases.tenants import find_tenant


class KeyWanted(msgspec.Struct, frozen=True):
    """A key that must have been valid at a time."""

    server_name: ServerName
    key_id: str
    valid_at_ts: int


async def keys_for(
    ctx: Context, tenant: Tenant, wanted: Iterable[KeyWanted]
) -> dict[tuple[ServerName, str], bytes]:
    """The keys that are known and were valid; of co-hosted tenants straight from their rows."""
    found: dict[tuple[ServerName, str], bytes] = {}
    by_server: dict[ServerName, list[KeyWanted]] = {}
    for key in wanted:
        by_server.setdefault(key.server_name, []).append(key)
    for server_name, keys in by_server.items():
        signer = await find_tenant(ctx, server_name)
        if signer is None or signer.server_name != server_name:
            continue
        async with ctx.database.transaction(signer) as conn:
            rows = {row.key_id: row for row in await tenants.keys(conn, signer)}
        for key in keys:
            row = rows.get(key.key_id)
            if row is not None and (row.expired_ts is None or key.valid_at_ts <= row.expired_ts):
                found[server_name, key.key_id] = row.public_key
    return found
