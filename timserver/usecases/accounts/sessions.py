"""Step: a device and its tokens."""

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import DeviceID, UserID, make_user_id
from timserver.store import accounts, cross_signing, keys
from timserver.store.database import Connection
from timserver.store.vault import token_hash
from timserver.tenancy import Tenant

ACCESS_TOKEN_LIFE_MS = 60 * 60 * 1000
"""Of access tokens that come with a refresh token."""

DEVICE_ID_BYTES_MAX = 255
DEVICE_NAME_LENGTH_MAX = 255


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """An access token and, when it was wanted, what renews it."""

    access_token: str
    refresh_token: str | None
    expires_in_ms: int | None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What a client gets to know of its new session."""

    user_id: UserID
    device_id: DeviceID
    access_token: str
    refresh_token: str | None
    expires_in_ms: int | None


class WantedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The device a client asks for."""

    device_id: str | None
    display_name: str | None
    with_refresh_token: bool
    address: str


async def begin_session(
    ctx: Context, conn: Connection, tenant: Tenant, account: accounts.AccountRow, wanted: WantedDevice
) -> Session:
    """Make or take over the device and give it new tokens; the old ones of the device end.

    A device that was taken over keeps its keys: after a soft logout its client has them still. If the client comes with
    other identity keys, its first upload replaces them with all that belongs to them (`usecases.e2ee.upload_keys`).
    Spec: https://spec.matrix.org/v1.19/client-server-api/#soft-logout
    """
    if len((wanted.device_id or "").encode()) > DEVICE_ID_BYTES_MAX:
        raise errors.InvalidParam(f"A device id has at most {DEVICE_ID_BYTES_MAX} bytes")
    check_device_name(wanted.display_name)
    if wanted.device_id:
        await _check_free(conn, tenant, account.user_nid, wanted.device_id)
    device_id = DeviceID(wanted.device_id or ctx.ids.opaque(10).upper())
    (fresh_nid,) = await ctx.database.take_nids(1, conn)
    device = accounts.DeviceRow(fresh_nid, device_id, wanted.display_name, None, wanted.address)
    device_nid = await accounts.upsert_device(conn, tenant, account.user_nid, device, ctx.clock.now_ms())
    if device_nid != fresh_nid:
        for ended in await accounts.delete_tokens(conn, tenant, [device_nid]):
            ctx.caches.tokens.drop((tenant.tenant_id, ended))
        await keys.allow_replacement(conn, tenant, device_nid)
    tokens = await give_tokens(
        ctx, conn, tenant, account.user_nid, device_nid, refresh=wanted.with_refresh_token
    )
    return Session(
        user_id=make_user_id(account.localpart, tenant.server_name),
        device_id=device_id,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in_ms=tokens.expires_in_ms,
    )


async def _check_free(conn: Connection, tenant: Tenant, user_nid: int, device_id: str) -> None:
    """Clients that verify take device ids and public cross-signing keys from one name space."""
    rows = await cross_signing.keys_of(conn, tenant, [user_nid])
    if any(row.public_key == device_id for row in rows):
        raise errors.Forbidden("Device ID in use by a cross-signing key")


def check_device_name(name: str | None) -> None:
    """Raises `TooLarge`."""
    if len(name or "") > DEVICE_NAME_LENGTH_MAX:
        raise errors.TooLarge(f"A device name has at most {DEVICE_NAME_LENGTH_MAX} characters", status=400)


async def give_tokens(
    ctx: Context, conn: Connection, tenant: Tenant, user_nid: int, device_nid: int, *, refresh: bool
) -> Tokens:
    """A new access token and, when wanted, a refresh token."""
    access = "tima_" + ctx.ids.opaque(40)
    expires_ts = ctx.clock.now_ms() + ACCESS_TOKEN_LIFE_MS if refresh else None
    await accounts.insert_token(conn, tenant, user_nid, device_nid, token_hash(access), expires_ts)
    if not refresh:
        return Tokens(access_token=access, refresh_token=None, expires_in_ms=None)
    token = "timr_" + ctx.ids.opaque(40)
    await accounts.insert_refresh(conn, tenant, user_nid, device_nid, token_hash(token), token_hash(access))
    return Tokens(access_token=access, refresh_token=token, expires_in_ms=ACCESS_TOKEN_LIFE_MS)
