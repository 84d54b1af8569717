"""A new password by the operator, for one who lost his or whose account was taken over."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.store import accounts, dehydrated_devices
from timserver.tenancy import Tenant
from timserver.usecases.accounts.log_out import end_devices
from timserver.usecases.accounts.passwords import hash_password


async def reset_password(ctx: Context, tenant: Tenant, localpart: str, password: str) -> None:
    """All sessions end. Raises `NotFound`, and `UserDeactivated` for one who is."""
    hashed = await hash_password(ctx.settings.password_hash, password)
    async with ctx.database.transaction(tenant) as conn:
        account = await accounts.find_account(conn, tenant, localpart)
        if account is None:
            raise errors.NotFound(f"no user {localpart} at {tenant.server_name}")
        if account.state == accounts.DEACTIVATED:
            raise errors.UserDeactivated()
        await accounts.set_password(conn, tenant, account.user_nid, hashed)
        devices = await dehydrated_devices.other_devices(conn, tenant, account.user_nid)
    await end_devices(ctx, tenant, account.user_nid, devices)
