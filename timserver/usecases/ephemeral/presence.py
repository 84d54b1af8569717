"""Presence: who is there. Switchable per process and tenant; told only to who shares a room.

Spec: https://spec.matrix.org/v1.19/client-server-api/#presence
"""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import UserID
from timserver.store import ephemeral, log, rooms, terms
from timserver.store.ephemeral import Presence
from timserver.tenancy import Requester, Tenant, Variant

STATUS_LENGTH_MAX = 250
"""A_25436: characters of `status_msg`."""
REFRESH_S = 60.0


def presence_is_on(ctx: Context, tenant: Tenant) -> bool:
    """Is presence taken and told at all?"""
    return ctx.settings.presence and tenant.settings.presence


async def set_presence(
    ctx: Context, tenant: Tenant, requester: Requester, presence: int, status_msg: str | None
) -> None:
    """The user says so. A_25436: a long `status_msg` is refused in TI-M tenants."""
    if status_msg is not None and len(status_msg) > STATUS_LENGTH_MAX and tenant.variant is not Variant.OFF:
        raise errors.TooLarge("status_msg is too long", status=403)
    if presence_is_on(ctx, tenant):
        await _write(ctx, tenant, requester.user_nid, presence, status_msg)


async def seen(ctx: Context, tenant: Tenant, requester: Requester, presence: int) -> None:
    """A sync shows that the user is there; written only when that is news, or about once a minute."""
    if not presence_is_on(ctx, tenant):
        return
    key = (tenant.tenant_id, requester.user_nid)
    now_s = ctx.clock.monotonic_s()
    known = ctx.caches.presence.get(key)
    if known is not None and known[0] == presence and now_s - known[1] < REFRESH_S:
        return
    ctx.caches.presence.put(key, (presence, now_s))
    if known is not None and known[0] == presence:
        return
    async with ctx.database.transaction(tenant) as conn:
        before = await ephemeral.presence_of(conn, tenant, requester.user_nid)
    if before is None or before.presence != presence:
        await _write(ctx, tenant, requester.user_nid, presence, before.status_msg if before else None)


async def _write(ctx: Context, tenant: Tenant, user_nid: int, presence: int, status_msg: str | None) -> None:
    ctx.caches.presence.put((tenant.tenant_id, user_nid), (presence, ctx.clock.monotonic_s()))
    async with ctx.database.transaction(tenant) as conn:
        position = await log.take(conn, tenant)
        row = Presence(presence, status_msg, ctx.clock.now_ms())
        await ephemeral.set_presence(conn, tenant, user_nid, row, position)
    ctx.streams.wake(tenant, position)
    ctx.streams.send(tenant)


async def presence_of(ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID) -> Presence:
    """What is known of a user; raises `Forbidden` for who shares no room."""
    async with ctx.database.transaction(tenant) as conn:
        nid = (await terms.find(conn, ctx.caches, tenant, [user_id])).get(user_id, 0)
        if nid != requester.user_nid and nid not in await rooms.users_sharing_rooms(
            conn, tenant, requester.user_nid
        ):
            raise errors.Forbidden("You do not share a room with this user")
        found = await ephemeral.presence_of(conn, tenant, nid)
    return found or Presence(ephemeral.OFFLINE, None, 0)
