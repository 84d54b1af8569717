"""Remove devices, with the password as proof."""

from collections.abc import Sequence

from timserver.context import Context
from timserver.store import accounts
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.log_out import end_devices
from timserver.usecases.accounts.uia import Attempt, prove_password


async def delete_devices(
    ctx: Context, tenant: Tenant, requester: Requester, device_ids: Sequence[str], attempt: Attempt
) -> None:
    """Those that exist; others are passed over.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3delete_devices
    """
    await prove_password(ctx, tenant, requester, attempt)
    async with ctx.database.transaction(tenant) as conn:
        found = await accounts.devices(conn, tenant, requester.user_nid)
    wanted = set(device_ids)
    nids = [device.device_nid for device in found if device.device_id in wanted]
    if nids:
        await end_devices(ctx, tenant, requester.user_nid, nids)
