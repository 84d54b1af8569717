"""Registration by who knows the operator's shared secret: how tools make their first users and admins.

The nonce is signed instead of stored. A replay within its minute can only meet a name that is taken.
"""

import hashlib
import hmac
import re

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.tenancy import Tenant
from timserver.usecases.accounts.new_account import insert_account, prepare_account
from timserver.usecases.accounts.sessions import Session, WantedDevice, begin_session

NONCE_LIFE_MS = 60_000


class SecretRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A new user, and the proof of knowing the secret."""

    nonce: str
    username: str
    password: str
    is_admin: bool
    user_type: str | None
    display_name: str | None
    mac: str


async def make_nonce(ctx: Context, tenant: Tenant) -> str:
    """Raises `Unrecognized` when there is no shared secret."""
    return _nonce(_secret(ctx), tenant, ctx.clock.now_ms(), ctx.ids.opaque(16))


async def register_by_secret(
    ctx: Context, tenant: Tenant, wanted: SecretRegistration, device: WantedDevice
) -> Session:
    """Raises `Forbidden` for a wrong MAC, `InvalidParam` for a nonce that is not ours or too old."""
    secret = _secret(ctx)
    made_ts, _, rest = wanted.nonce.partition(".")
    if not re.fullmatch(r"[0-9]{1,15}", made_ts):
        raise errors.InvalidParam("Unrecognized nonce")
    ours = _nonce(secret, tenant, int(made_ts), rest.partition(".")[0])
    is_ours = hmac.compare_digest(ours.encode(), wanted.nonce.encode())
    if not is_ours or ctx.clock.now_ms() - int(made_ts) > NONCE_LIFE_MS:
        raise errors.InvalidParam("Unrecognized nonce")
    if not hmac.compare_digest(_mac(secret, wanted).encode(), wanted.mac.lower().encode()):
        raise errors.Forbidden("HMAC incorrect")
    localpart = wanted.username.lower()
    account = await prepare_account(ctx, tenant, localpart, wanted.password, is_admin=wanted.is_admin)
    async with ctx.database.transaction(tenant) as conn:
        await insert_account(ctx, conn, tenant, account, wanted.display_name)
        return await begin_session(ctx, conn, tenant, account, device)


def _secret(ctx: Context) -> bytes:
    secret = ctx.settings.registration.shared_secret
    if secret is None:
        raise errors.Unrecognized()
    return secret.get_secret_value().encode()


def _nonce(secret: bytes, tenant: Tenant, made_ts: int, salt: str) -> str:
    text = f"{made_ts}.{salt}"
    proof = hmac.new(secret, f"nonce {tenant.tenant_id} {text}".encode(), hashlib.sha256).hexdigest()
    return f"{text}.{proof}"


def _mac(secret: bytes, wanted: SecretRegistration) -> str:
    """HMAC-SHA1 over the NUL-separated parts, as the tools compute it."""
    parts = [wanted.nonce, wanted.username, wanted.password, "admin" if wanted.is_admin else "notadmin"]
    if wanted.user_type:
        parts.append(wanted.user_type)
    return hmac.new(secret, "\0".join(parts).encode(), hashlib.sha1).hexdigest()
