"""The loop of a sync: answer at once when there is something to tell, else wait (STYLE 5, "Sync")."""

from timserver.context import Context
from timserver.store import keys, log, rooms, to_device
from timserver.store.database import Connection
from timserver.store.live_rooms import JOIN
from timserver.store.rooms import UserRoomRow
from timserver.store.streams import ACCOUNT_DATA, DEVICE_LIST, Tail
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.ignored import ignored_names, numbers_of
from timserver.usecases.sync import token
from timserver.usecases.sync.asked import Asked, Concern, Window
from timserver.usecases.sync.reading import SyncReading
from timserver.usecases.sync.response import SyncResponse


async def sync(ctx: Context, tenant: Tenant, asked: Asked) -> SyncResponse:
    """What happened since `asked.since`; waits up to `asked.timeout_ms` for it.

    Holds no connection while it waits. Messages to the device are deleted once a request shows that they arrived.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync
    """
    tail = ctx.streams.open(tenant)
    requester = asked.requester
    if asked.since is not None:
        await _forget_received(ctx, tenant, asked)
    deadline = ctx.clock.monotonic_s() + min(asked.timeout_ms, ctx.settings.limits.sync_timeout_ms_max) / 1000
    first = True
    while True:
        await ctx.streams.catch_up(tail)
        quiet = None if asked.full_state and first else _quiet_answer(tail, asked)
        if quiet is None:
            async with ctx.caches.shares.of_user(tenant, requester):
                response, up_to = await _read(ctx, tenant, tail, asked)
            if response.tells_something() or asked.since is None or (asked.full_state and first):
                return response
            tail.users[requester.user_nid].quiet[requester.device_nid] = (up_to, response)
        else:
            response, up_to = quiet
        first = False
        remaining_s = deadline - ctx.clock.monotonic_s()
        if remaining_s <= 0 or not await ctx.streams.wait(tail, requester.user_nid, up_to, remaining_s):
            return response


def _quiet_answer(tail: Tail, asked: Asked) -> tuple[SyncResponse, int] | None:
    """The answer from memory when nothing has happened for the user since the device was last told so."""
    user = tail.users.get(asked.requester.user_nid)
    known = user.quiet.get(asked.requester.device_nid) if user else None
    if user is None or known is None or asked.since is None or tail.start is None or known[0] < tail.start:
        return None
    if tail.concerns(asked.requester.user_nid, min(asked.since, known[0])) is not False:
        return None
    known[1].next_batch = token.write(max(tail.end, asked.since))
    return known[1], tail.end


async def _forget_received(ctx: Context, tenant: Tenant, asked: Asked) -> None:
    """Delete messages to the device up to the position that the client has come back with."""
    key = (tenant.tenant_id, asked.requester.device_nid)
    waiting = ctx.caches.inboxes.get(key)
    if waiting is not None and (waiting == 0 or waiting > asked.after):
        return
    async with ctx.database.transaction(tenant) as conn:
        await to_device.delete_inbox(conn, tenant, asked.requester.device_nid, asked.after)
    ctx.caches.inboxes.drop(key)


def _concern(tail: Tail, asked: Asked) -> Concern | None:
    if asked.since is None or asked.full_state:
        return None
    facts = tail.facts_for(asked.requester.user_nid, asked.since)
    if facts is None or any(
        f.membership is not None and f.user_nid == asked.requester.user_nid for f in facts
    ):
        return None
    return Concern(
        up_to=tail.end,
        kinds=frozenset(fact.kind for fact in facts),
        rooms=frozenset(fact.room_nid for fact in facts if fact.room_nid),
        moves=any(fact.membership is not None for fact in facts),
    )


async def _rooms_of_concern(
    ctx: Context, conn: Connection, tenant: Tenant, asked: Asked, concern: Concern
) -> list[UserRoomRow]:
    """The user's rows of the rooms that are concerned. One that was read before still holds, or there would be no concern."""
    known, me = ctx.caches.own_rooms, asked.requester.user_nid
    rows, unknown = list[UserRoomRow](), list[int]()
    for room_nid in concern.rooms:
        found = known.get((tenant.tenant_id, me, room_nid))
        if found is not None and found[0] >= asked.after:
            rows.append(found[1])
        else:
            unknown.append(room_nid)
    rows += await rooms.some_rooms_of(conn, tenant, me, unknown)
    for row in rows:
        if row.membership == JOIN:
            known.put((tenant.tenant_id, me, row.room_nid), (concern.up_to, row))
    return rows


async def _come_alive(ctx: Context, tenant: Tenant, tail: Tail, asked: Asked) -> None:
    """A user who comes back with a position that the tail reaches: with the rooms known, the tail can tell the rest."""
    me = asked.requester.user_nid
    if me in tail.users or asked.since is None or tail.start is None or asked.since < tail.start:
        return
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        loaded_at = await log.read(conn, tenant)
        joined = await rooms.joined_nids(conn, tenant, me)
    tail.add_user(me, joined, loaded_at, ctx.clock.monotonic_s())


async def _ignored(
    ctx: Context, conn: Connection, tenant: Tenant, tail: Tail, me: int, up_to: int
) -> list[int]:
    """Whom the user ignores."""
    names = tail.recall(me, "ignored", ACCOUNT_DATA, up_to)
    if names is None:
        names = await ignored_names(conn, tenant, me)
        tail.remember(me, "ignored", names, up_to)
    return await numbers_of(ctx, conn, tenant, names)


async def _supply(
    conn: Connection, tenant: Tenant, tail: Tail, requester: Requester, up_to: int
) -> keys.KeySupply:
    """What can be claimed of the device."""
    what = "supply", requester.device_nid
    known: keys.KeySupply | None = tail.recall(requester.user_nid, what, DEVICE_LIST, up_to)
    if known is None:
        known = await keys.supply(conn, tenant, requester.device_nid)
        tail.remember(requester.user_nid, what, known, up_to)
    return known


async def _read(ctx: Context, tenant: Tenant, tail: Tail, asked: Asked) -> tuple[SyncResponse, int]:
    await _come_alive(ctx, tenant, tail, asked)
    concern = _concern(tail, asked)
    me = asked.requester.user_nid
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        if concern is not None:
            up_to = concern.up_to
            memberships = await _rooms_of_concern(ctx, conn, tenant, asked, concern)
        else:
            up_to = await log.read(conn, tenant)
            memberships = await rooms.rooms_of(conn, tenant, me)
            tail.begin_at(up_to)
            joined = [row.room_nid for row in memberships if row.membership == JOIN]
            tail.add_user(me, joined, up_to, ctx.clock.monotonic_s())
        ignored = await _ignored(ctx, conn, tenant, tail, me, up_to)
        supply = await _supply(conn, tenant, tail, asked.requester, up_to)
        window = Window(asked.after, up_to, concern)
        response = await SyncReading(ctx, conn, tenant, asked, window).read(memberships, ignored)
    response.device_one_time_keys_count = supply.one_time_key_counts
    response.device_unused_fallback_key_types = supply.unused_fallback_types
    ctx.caches.inboxes.put((tenant.tenant_id, asked.requester.device_nid), up_to if response.to_device else 0)
    return response, up_to
