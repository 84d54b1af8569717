"""Registration by anybody, where the operator and the tenant both allow it."""

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import UserID
from timserver.store import accounts
from timserver.tenancy import Tenant, Variant
from timserver.usecases.accounts.new_account import (
    check_not_reserved,
    insert_account,
    new_user_id,
    prepare_account,
)
from timserver.usecases.accounts.sessions import Session, WantedDevice, begin_session
from timserver.usecases.accounts.uia import Attempt, prove_nothing


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says when it registers."""

    kind: str
    username: str | None
    password: str | None
    device: WantedDevice | None
    """None: `inhibit_login`."""


class Registered(msgspec.Struct, frozen=True):
    """The new user and, unless login was inhibited, the session."""

    user_id: UserID
    session: Session | None


async def register_user(ctx: Context, tenant: Tenant, wanted: Registration, attempt: Attempt) -> Registered:
    """Raises `Forbidden`, `GuestAccessForbidden`, `InvalidUsername`, `UserInUse` before any authentication.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register
    """
    if wanted.kind == "guest":
        if tenant.variant is Variant.OFF:
            raise errors.GuestAccessForbidden()
        raise errors.Forbidden("Guest accounts are not supported")
    if wanted.kind != "user":
        raise errors.InvalidParam("Unknown kind of account")
    localpart = (wanted.username or ctx.ids.opaque(12)).lower()
    await check_username(ctx, tenant, localpart)
    await prove_nothing(ctx, tenant, attempt)
    if wanted.password is None:
        raise errors.MissingParam("Missing password")
    account = await prepare_account(ctx, tenant, localpart, wanted.password)
    async with ctx.database.transaction(tenant) as conn:
        await insert_account(ctx, conn, tenant, account, None)
        session = None
        if wanted.device is not None:
            session = await begin_session(ctx, conn, tenant, account, wanted.device)
    return Registered(new_user_id(tenant, localpart), session)


async def check_username(ctx: Context, tenant: Tenant, localpart: str) -> None:
    """Raises why the name cannot be registered: `Forbidden`, `InvalidUsername`, `Exclusive`, `UserInUse`."""
    if not (ctx.settings.registration.open and tenant.settings.registration):
        raise errors.Forbidden("Registration is disabled")
    new_user_id(tenant, localpart)
    check_not_reserved(ctx, localpart)
    async with ctx.database.transaction(tenant) as conn:
        if await accounts.find_account(conn, tenant, localpart) is not None:
            raise errors.UserInUse()
