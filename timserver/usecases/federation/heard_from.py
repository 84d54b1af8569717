"""Another server asked something of us: it is alive, so what waits for it is sent now (MAP 1.11: S8346)."""

from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.store import destinations, terms
from timserver.tenancy import Tenant
from timserver.usecases.federation.unreached import note_alive

ASKED_AGAIN_S = 10.0
"""So often the database is asked whether the server was failing; a failure in any process makes the next contact news."""


async def heard_from(ctx: Context, tenant: Tenant, origin: ServerName) -> None:
    """Call it for every authenticated request of another server; mostly it looks into memory only."""
    now_s = ctx.clock.monotonic_s()
    key = (tenant.tenant_id, origin)
    heard_s = ctx.caches.heard.get(key)
    if heard_s is not None and now_s - heard_s < ASKED_AGAIN_S:
        return
    ctx.caches.heard.put(key, now_s)
    async with ctx.database.transaction(tenant) as conn:
        server_nid = (await terms.find(conn, ctx.caches, tenant, [origin])).get(origin)
        is_due = server_nid is not None and await destinations.hear(
            conn, tenant, server_nid, ctx.clock.now_ms()
        )
    note_alive(ctx, tenant, origin)
    if is_due:
        ctx.streams.send(tenant)
