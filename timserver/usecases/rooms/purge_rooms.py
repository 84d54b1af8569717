"""Rooms that must go, go (A_28564): asked at the decision point RETENTION."""

from timserver.context import Context
from timserver.policy import points
from timserver.policy.facts import RetentionFacts
from timserver.store import retention
from timserver.tenancy import Tenant


async def purge_rooms(ctx: Context, tenant: Tenant) -> int:
    """Delete the rooms that a rule of retention names; how many."""
    async with ctx.database.transaction(tenant) as conn:
        left = await retention.left_rooms(conn, tenant)
    purged = 0
    for room in left:
        facts = RetentionFacts(tenant=tenant, local_members_left=True, all_forgotten=room.all_forgotten)
        if any(rule(facts) for rule in points.RETENTION) and await retention.purge(
            ctx.database, tenant, room.room_nid
        ):
            purged += 1
            name = f"room:{room.room_nid}:{room.room_id}"
            ctx.caches.drop_named(tenant.tenant_id, name)
            ctx.streams.forget(tenant, name)
    return purged
