"""Log in with a password (legacy API)."""

import msgspec

from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.json_types import JsonObject
from timserver.store import accounts
from timserver.tenancy import Tenant
from timserver.usecases.accounts.passwords import password_matches
from timserver.usecases.accounts.sessions import Session, WantedDevice, begin_session

__all__ = ["Login", "Session", "log_in"]


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says at login."""

    type: str
    identifier: JsonObject | None
    user: str | None
    password: str | None
    device_id: str | None
    display_name: str | None
    with_refresh_token: bool
    address: str


async def log_in(ctx: Context, tenant: Tenant, login: Login) -> Session:
    """Raises `Forbidden` for a wrong name or password alike, `UserLocked` only with the right password.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login
    """
    if login.type != "m.login.password":
        raise errors.Unknown("Unknown login type", status=400)
    if login.password is None:
        raise errors.MissingParam("Missing password")
    localpart = _localpart(tenant, login)
    ctx.caches.rates.take(tenant, RateKind.LOGIN_ACCOUNT, localpart)
    async with ctx.database.transaction(tenant) as conn:
        account = await accounts.find_account(conn, tenant, localpart)
    known_hash = account.password_hash if account else None
    if not await password_matches(ctx.settings.password_hash, known_hash, login.password) or account is None:
        raise errors.Forbidden("Invalid username or password")
    if account.state == accounts.LOCKED:
        raise errors.UserLocked()
    wanted = WantedDevice(
        device_id=login.device_id,
        display_name=login.display_name,
        with_refresh_token=login.with_refresh_token,
        address=login.address,
    )
    async with ctx.database.transaction(tenant) as conn:
        return await begin_session(ctx, conn, tenant, account, wanted)


def _localpart(tenant: Tenant, login: Login) -> str:
    """Localparts are made of small letters only; who writes others means these, as when registering."""
    user = login.user
    if login.identifier is not None:
        if login.identifier.get("type") != "m.id.user":
            raise errors.Unknown("Unknown login identifier", status=400)
        value = login.identifier.get("user")
        user = value if isinstance(value, str) else None
    if user is None:
        raise errors.MissingParam("Missing user identifier")
    if user.startswith("@"):
        localpart, _, server_name = user[1:].partition(":")
        if server_name != tenant.server_name:
            raise errors.Forbidden("Invalid username or password")
        return localpart.lower()
    return user.lower()
