"""Step: a user who joins the room that replaces another one finds the own settings there: tags, push rules, `m.direct`.

Both rooms must say that one replaces the other, and what the user has set for the new room already stays as it is.

Spec: https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
"""

import msgspec

from timserver.context import Context
from timserver.matrix import room_succession
from timserver.matrix.ids import RoomID
from timserver.matrix.push_rules.rules import encode_user_rules
from timserver.matrix.push_rules.succession import succeed
from timserver.store import account_data, log, push_rules
from timserver.store.database import Connection
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.store.streams import ACCOUNT_DATA, Fact
from timserver.tenancy import Requester, Tenant
from timserver.usecases.account_data.rooms import GLOBAL
from timserver.usecases.account_data.tags import TAG
from timserver.usecases.push.rules import stored_rules
from timserver.usecases.rooms.live import current_room, state_event

_DIRECT = "m.direct"


async def take_settings_along(ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID) -> None:
    """Does nothing for a room that the user is not in, or that replaces none in which the user was."""
    user_nid = requester.user_nid
    new = await current_room(ctx, tenant, room_id)
    is_in = new is not None and new.membership_of(user_nid) == JOIN
    old = await _predecessor(ctx, tenant, requester, new) if new is not None and is_in else None
    if new is None or old is None:
        return
    async with ctx.database.transaction(tenant) as conn:
        position = await log.take(conn, tenant)
        await _take_account_data(conn, tenant, requester, old, new, position)
        rules = await stored_rules(conn, tenant, requester)
        count_max = ctx.settings.limits.push_rules_per_user_max
        succeeded = succeed(rules, old.room_id, new.room_id, count_max=count_max)
        if succeeded != rules:
            await push_rules.put(conn, tenant, user_nid, encode_user_rules(succeeded), position)
    name = f"push:{user_nid}"
    ctx.caches.drop_named(tenant.tenant_id, name)
    ctx.streams.forget(tenant, name)
    ctx.streams.publish(tenant, position, [Fact(position, ACCOUNT_DATA, 0, user_nid)])


async def _predecessor(ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom) -> LiveRoom | None:
    create = await state_event(ctx, tenant, room, "m.room.create")
    room_id = room_succession.predecessor_of(create) if create is not None else None
    old = await current_room(ctx, tenant, room_id) if room_id is not None else None
    if old is None or requester.user_nid not in old.members:
        return None
    tombstone = await state_event(ctx, tenant, old, "m.room.tombstone")
    return old if room_succession.is_replaced_by(tombstone, room.room_id) else None


async def _take_account_data(
    conn: Connection, tenant: Tenant, requester: Requester, old: LiveRoom, new: LiveRoom, position: int
) -> None:
    user_nid = requester.user_nid
    tags = await account_data.get(conn, tenant, user_nid, old.room_nid, TAG)
    if tags is not None and await account_data.get(conn, tenant, user_nid, new.room_nid, TAG) is None:
        await account_data.put(conn, tenant, user_nid, new.room_nid, TAG, tags, position)
    stored = await account_data.get(conn, tenant, user_nid, GLOBAL, _DIRECT)
    content = msgspec.json.decode(stored) if stored else {}
    direct = room_succession.direct_rooms(content, old.room_id, new.room_id)
    if direct is not None:
        encoded = msgspec.json.encode(direct)
        await account_data.put(conn, tenant, user_nid, GLOBAL, _DIRECT, encoded, position)
