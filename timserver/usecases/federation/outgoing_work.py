"""Steps of the loop that sends: whose turn it is, what is to be sent, and when to look again."""

from timserver.context import Context
from timserver.store import destinations, tenants
from timserver.store.destinations import Taken
from timserver.tenancy import Tenant
from timserver.usecases.ephemeral.presence import presence_is_on

LEASE_MS = 15_000
"""A transaction whose process died is taken by another one after this time."""
RENEW_MS = 5_000
TENANTS_AT_ONCE = 100


async def due_tenants(ctx: Context) -> list[Tenant]:
    """Tenants that have something to send which nobody else looks after, for this process to do."""
    async with ctx.database.directory() as conn:
        ids = await destinations.claim_due(conn, ctx.clock.now_ms(), LEASE_MS, TENANTS_AT_ONCE)
        return await tenants.by_ids(conn, ids) if ids else []


async def take_transactions(
    ctx: Context, tenant: Tenant, owner: int, *, limit: int, probes: int
) -> list[Taken]:
    """The next transactions of a tenant: at most `limit` to servers that work and `probes` to those that failed."""
    return await destinations.take(
        ctx.database,
        tenant,
        now_ms=ctx.clock.now_ms(),
        lease=(owner, LEASE_MS),
        limits=(limit, probes),
        presence=presence_is_on(ctx, tenant),
    )


async def renew_lease(ctx: Context, tenant: Tenant, taken: Taken, owner: int, *, keep: bool = True) -> None:
    """A slow request goes on; or it ends without a result (`keep` False) and anybody may take it at once."""
    until_ms = ctx.clock.now_ms() + (LEASE_MS if keep else 0)
    async with ctx.database.transaction(tenant) as conn:
        await destinations.renew(conn, tenant, taken.server_nid, owner, until_ms)


async def settle(ctx: Context, tenant: Tenant) -> bool:
    """Tidy up after a round. Is there something to do already?"""
    now_ms = ctx.clock.now_ms()
    due_ts = await destinations.settle(ctx.database, tenant, now_ms, ctx.settings.limits.outbox_events_max)
    return due_ts is not None and due_ts <= now_ms


async def count_waiting(ctx: Context) -> int:
    """How many tenants have something that was not received yet."""
    async with ctx.database.directory() as conn:
        return await destinations.waiting(conn)
