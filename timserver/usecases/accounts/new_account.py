"""Steps: what a new account needs, by whatever way it comes to be."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import InvalidID, UserID, make_user_id
from timserver.store import accounts, profiles, terms
from timserver.store.database import Connection
from timserver.tenancy import Tenant
from timserver.usecases.accounts.passwords import hash_password

PASSWORD_LENGTH_MAX = 512


def new_user_id(tenant: Tenant, localpart: str) -> UserID:
    """Raises `InvalidUsername`."""
    try:
        return make_user_id(localpart, tenant.server_name)
    except InvalidID as error:
        raise errors.InvalidUsername(str(error)) from error


def server_user_id(ctx: Context, tenant: Tenant) -> UserID | None:
    """Who sends the server's notices; None where there are none."""
    localpart = ctx.settings.server_notices.localpart
    return new_user_id(tenant, localpart) if localpart is not None else None


def check_not_reserved(ctx: Context, localpart: str) -> None:
    """Raises `Exclusive` for the name of who sends the server's notices."""
    if localpart == ctx.settings.server_notices.localpart:
        raise errors.Exclusive()


def check_password(password: str) -> None:
    """Raises `WeakPassword` when it is empty or absurdly long."""
    if not password or len(password) > PASSWORD_LENGTH_MAX:
        raise errors.WeakPassword(f"A password has between 1 and {PASSWORD_LENGTH_MAX} characters")


async def prepare_account(
    ctx: Context, tenant: Tenant, localpart: str, password: str | None, *, is_admin: bool = False
) -> accounts.AccountRow:
    """The account's row before it is written: its number is taken and the password hashed. Raises `Exclusive`."""
    user_id = new_user_id(tenant, localpart)
    if password is not None:
        check_not_reserved(ctx, localpart)
        check_password(password)
    (user_nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [user_id])
    hashed = await hash_password(ctx.settings.password_hash, password) if password is not None else None
    return accounts.AccountRow(user_nid, localpart, hashed, accounts.ACTIVE, is_admin)


async def insert_account(
    ctx: Context, conn: Connection, tenant: Tenant, account: accounts.AccountRow, display_name: str | None
) -> None:
    """Raises `UserInUse`."""
    if not await accounts.insert_account(conn, tenant, account, ctx.clock.now_ms()):
        raise errors.UserInUse()
    name = display_name or account.localpart
    await profiles.set_field(conn, tenant, account.user_nid, "displayname", name)
