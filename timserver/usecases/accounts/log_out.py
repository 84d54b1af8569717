"""End sessions; the devices and what belongs to them go with them."""

from timserver.context import Context
from timserver.store import accounts, dehydrated_devices, keys, log, pushers, to_device
from timserver.store.device_lists import note_change
from timserver.tenancy import Requester, Tenant


async def log_out(ctx: Context, tenant: Tenant, requester: Requester) -> None:
    """This device only."""
    await end_devices(ctx, tenant, requester.user_nid, [requester.device_nid])


async def log_out_everywhere(ctx: Context, tenant: Tenant, requester: Requester) -> None:
    """All devices of the user but the dehydrated one, which waits for the next login."""
    async with ctx.database.transaction(tenant) as conn:
        found = await dehydrated_devices.other_devices(conn, tenant, requester.user_nid)
    await end_devices(ctx, tenant, requester.user_nid, found)


async def end_devices(ctx: Context, tenant: Tenant, user_nid: int, device_nids: list[int]) -> None:
    """Step with a transaction of its own: remove devices with all that is theirs, and tell who must know."""
    async with ctx.database.transaction(tenant) as conn:
        ended = await accounts.delete_tokens(conn, tenant, device_nids)
        await pushers.delete_of_devices(conn, tenant, device_nids)
        gone = await accounts.delete_devices(conn, tenant, user_nid, device_nids)
        await dehydrated_devices.delete(conn, tenant, device_nids)
        await keys.delete_keys(conn, tenant, device_nids)
        await to_device.delete_inboxes(conn, tenant, device_nids)
        position = await log.take(conn, tenant, max(1, len(gone)))
        await note_change(conn, tenant, user_nid, position, gone)
    for token in ended:
        ctx.caches.tokens.drop((tenant.tenant_id, token))
    ctx.streams.forget(tenant, f"tokens:{user_nid}")
    ctx.streams.wake(tenant, position)
    ctx.streams.send(tenant)
