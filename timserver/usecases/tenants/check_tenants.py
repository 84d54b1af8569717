"""What is looked at in all tenants before the first request: keys that are not theirs alone, and names nobody lists."""

from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.matrix.server_keys import KNOWN_BAD
from timserver.policy.federation import own_domain
from timserver.store import tenants
from timserver.store.tenants import UnsafeKey
from timserver.usecases.federation.listing import federation_list


async def unsafe_keys(ctx: Context) -> list[UnsafeKey]:
    """Signing keys in use that somebody else can sign with (RELIABILITY E14): with these nobody may serve."""
    async with ctx.database.directory() as conn:
        return await tenants.unsafe_keys(conn, sorted(KNOWN_BAD))


async def unlisted_tenants(ctx: Context) -> list[ServerName]:
    """TI-M tenants that no other server of the TI will talk to (FED-13)."""
    listed = federation_list(ctx)
    async with ctx.database.directory() as conn:
        found = await tenants.all_tenants(conn)
    return [tenant.server_name for tenant in found if not own_domain.is_listed(tenant, listed)]
