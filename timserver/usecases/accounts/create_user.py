"""A new local user, by the operator or by registration."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import InvalidID, UserID, make_user_id
from timserver.store import accounts, profiles, terms
from timserver.tenancy import Tenant
from timserver.usecases.accounts.passwords import hash_password


async def create_user(
    ctx: Context,
    tenant: Tenant,
    localpart: str,
    password: str | None,
    *,
    display_name: str | None = None,
    is_admin: bool = False,
) -> UserID:
    """Raises `InvalidUsername` and `UserInUse`. Without a password nobody can log in by password."""
    try:
        user_id = make_user_id(localpart, tenant.server_name)
    except InvalidID as error:
        raise errors.InvalidUsername(str(error)) from error
    (user_nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [user_id])
    hashed = await hash_password(ctx.settings.password_hash, password) if password is not None else None
    async with ctx.database.transaction(tenant) as conn:
        row = accounts.AccountRow(user_nid, localpart, hashed, accounts.ACTIVE, is_admin)
        if not await accounts.insert_account(conn, tenant, row, ctx.clock.now_ms()):
            raise errors.UserInUse()
        await profiles.set_field(conn, tenant, user_nid, "displayname", display_name or localpart)
    return user_id
