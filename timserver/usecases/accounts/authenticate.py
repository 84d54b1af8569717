"""Who is behind an access token, and may they act? One check for every use (RELIABILITY C3)."""

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import DeviceID, make_user_id
from timserver.store import accounts
from timserver.store.caches import STALE_S
from timserver.store.vault import token_hash
from timserver.tenancy import Requester, Tenant

SEEN_EVERY_MS = 10 * 60 * 1000


class SeenFrom(msgspec.Struct, frozen=True):
    """Where a request comes from, for the list of devices."""

    address: str
    user_agent: str


async def authenticate(
    ctx: Context, tenant: Tenant, token: str, seen: SeenFrom, *, may_when_locked: bool = False
) -> Requester:
    """Raises `UnknownToken` (with `soft_logout` when it has only expired) and `UserLocked`.

    Notes when and from where the device was seen, at most every `SEEN_EVERY_MS`.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#client-authentication
    """
    key = (tenant.tenant_id, token_hash(token))
    now = ctx.clock.monotonic_s()
    known = ctx.caches.tokens.get(key)
    if known is not None and now - known[0] < STALE_S:
        _check_expiry(ctx, known[2])
        return known[1]
    ctx.caches.tokens.drop(key)
    async with ctx.database.transaction(tenant) as conn:
        session = await accounts.find_session(conn, tenant, key[1])
        if session is None or session.state == accounts.DEACTIVATED:
            raise errors.UnknownToken()
        _check_expiry(ctx, session.expires_ts)
        if session.state == accounts.LOCKED and not may_when_locked:
            raise errors.UserLocked(soft_logout=True)
        now_ms = ctx.clock.now_ms()
        if session.seen_ts is None or now_ms - session.seen_ts >= SEEN_EVERY_MS:
            await accounts.note_seen(conn, tenant, session.device_nid, now_ms, seen.address, seen.user_agent)
        ended = [] if session.used else await accounts.mark_used(conn, tenant, session, key[1])
    for other in ended:
        ctx.caches.tokens.drop((tenant.tenant_id, other))
    requester = Requester(
        user_id=make_user_id(session.localpart, tenant.server_name),
        user_nid=session.user_nid,
        device_id=DeviceID(session.device_id),
        device_nid=session.device_nid,
        is_admin=session.is_admin,
        is_suspended=session.is_suspended,
    )
    if session.state == accounts.ACTIVE:
        ctx.caches.tokens.put(key, (now, requester, session.expires_ts))
    return requester


def _check_expiry(ctx: Context, expires_ts: int | None) -> None:
    if expires_ts is not None and expires_ts <= ctx.clock.now_ms():
        raise errors.UnknownToken("Access token has expired", soft_logout=True)
