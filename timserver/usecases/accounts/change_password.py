"""A new password."""

from timserver.context import Context
from timserver.store import accounts, dehydrated_devices
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.log_out import end_devices
from timserver.usecases.accounts.new_account import check_password
from timserver.usecases.accounts.passwords import hash_password
from timserver.usecases.accounts.uia import Attempt, prove_password


async def change_password(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    new_password: str,
    attempt: Attempt,
    *,
    logout_devices: bool,
) -> None:
    """With the old password as proof; `logout_devices` ends all other sessions with their devices.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpassword
    """
    check_password(new_password)
    await prove_password(ctx, tenant, requester, attempt)
    hashed = await hash_password(ctx.settings.password_hash, new_password)
    async with ctx.database.transaction(tenant) as conn:
        await accounts.set_password(conn, tenant, requester.user_nid, hashed)
        found = await dehydrated_devices.other_devices(conn, tenant, requester.user_nid)
    others = [nid for nid in found if nid != requester.device_nid]
    if logout_devices and others:
        await end_devices(ctx, tenant, requester.user_nid, others)
