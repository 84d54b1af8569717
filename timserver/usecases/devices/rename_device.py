"""Another name for a device; others see it in the device list."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.store import accounts, log
from timserver.store.device_lists import note_change
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.sessions import check_device_name


async def rename_device(
    ctx: Context, tenant: Tenant, requester: Requester, device_id: str, display_name: str | None
) -> None:
    """Raises `NotFound` for a device that is not the requester's. None leaves the name as it is."""
    check_device_name(display_name)
    position = None
    async with ctx.database.transaction(tenant) as conn:
        device = await accounts.find_device(conn, tenant, requester.user_nid, device_id)
        if device is None:
            raise errors.NotFound("No such device")
        if display_name is not None and display_name != device.display_name:
            await accounts.rename_device(conn, tenant, requester.user_nid, device_id, display_name)
            position = await log.take(conn, tenant)
            told = [device_id] if ctx.settings.federation.device_names else []
            await note_change(conn, tenant, requester.user_nid, position, told)
    if position is not None:
        ctx.streams.wake(tenant, position)
        ctx.streams.send(tenant)
