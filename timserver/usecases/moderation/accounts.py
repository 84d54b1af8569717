"""What an administrator sees and changes of accounts: where they are logged in, locked, suspended.

Spec: https://spec.matrix.org/v1.19/client-server-api/#account-locking
"""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import UserID, localpart_of, server_name_of
from timserver.store import accounts
from timserver.store.accounts import AccountRow, DeviceRow
from timserver.store.database import Connection
from timserver.tenancy import Requester, Tenant


async def devices_of(ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID) -> list[DeviceRow]:
    """Devices of a user, for an administrator or the user. Raises `Forbidden` to all others."""
    if not requester.is_admin and user_id != requester.user_id:
        raise errors.Forbidden("You are not a server admin")
    async with ctx.database.transaction(tenant) as conn:
        account = await _account(conn, tenant, user_id)
        return await accounts.devices(conn, tenant, account.user_nid)


async def read_account(ctx: Context, tenant: Tenant, user_id: UserID) -> AccountRow:
    """Raises `InvalidParam` for users of other servers, `NotFound` for nobody."""
    async with ctx.database.transaction(tenant) as conn:
        return await _account(conn, tenant, user_id)


async def set_locked(
    ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID, *, locked: bool
) -> None:
    """Lock or unlock. Tokens stay; they are refused while the lock holds."""
    async with ctx.database.transaction(tenant) as conn:
        account = await _account_to_moderate(conn, tenant, requester, user_id)
        state = accounts.LOCKED if locked else accounts.ACTIVE
        await accounts.set_state(conn, tenant, account.user_nid, state)
    _forget_tokens(ctx, tenant, account)


async def set_suspended(
    ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID, *, suspended: bool
) -> None:
    """Suspend or unsuspend: reading goes on, others see nothing new of the user."""
    async with ctx.database.transaction(tenant) as conn:
        account = await _account_to_moderate(conn, tenant, requester, user_id)
        await accounts.set_suspended(conn, tenant, account.user_nid, suspended)
    _forget_tokens(ctx, tenant, account)


def _forget_tokens(ctx: Context, tenant: Tenant, account: AccountRow) -> None:
    name = f"tokens:{account.user_nid}"
    ctx.caches.drop_named(tenant.tenant_id, name)
    ctx.streams.forget(tenant, name)


async def _account(conn: Connection, tenant: Tenant, user_id: UserID) -> AccountRow:
    if server_name_of(user_id) != tenant.server_name:
        raise errors.InvalidParam("The user is not of this server")
    account = await accounts.find_account(conn, tenant, localpart_of(user_id))
    if account is None or account.state == accounts.DEACTIVATED:
        raise errors.NotFound("User not found")
    return account


async def _account_to_moderate(
    conn: Connection, tenant: Tenant, requester: Requester, user_id: UserID
) -> AccountRow:
    account = await _account(conn, tenant, user_id)
    if account.is_admin or account.user_nid == requester.user_nid:
        raise errors.Forbidden("Administrators cannot be locked or suspended")
    return account
