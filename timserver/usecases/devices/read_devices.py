"""The devices of a user."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.store import accounts
from timserver.tenancy import Requester, Tenant


async def list_devices(ctx: Context, tenant: Tenant, requester: Requester) -> list[accounts.DeviceRow]:
    """All of the requester's."""
    async with ctx.database.transaction(tenant) as conn:
        return await accounts.devices(conn, tenant, requester.user_nid)


async def find_device(
    ctx: Context, tenant: Tenant, requester: Requester, device_id: str
) -> accounts.DeviceRow:
    """One of the requester's; raises `NotFound`."""
    async with ctx.database.transaction(tenant) as conn:
        device = await accounts.find_device(conn, tenant, requester.user_nid, device_id)
    if device is None:
        raise errors.NotFound("No such device")
    return device
