"""`m.typing`: a user of another server types, or no longer.

Spec: https://spec.matrix.org/v1.19/server-server-api/#typing-notifications
"""

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import InvalidID, ServerName, parse_room_id
from timserver.matrix.json_types import JsonObject
from timserver.store import ephemeral, log, rooms, terms
from timserver.store.live_rooms import JOIN
from timserver.store.streams import TYPING, Fact
from timserver.tenancy import Tenant
from timserver.usecases.federation.asked_room import asked_room
from timserver.usecases.federation.edus.reading import read_content, user_of

LASTS_MS = 60_000
"""Other servers repeat it while the user types; without a repetition it ends, should the end get lost."""


class _Typing(msgspec.Struct, frozen=True):
    room_id: str
    user_id: str
    typing: bool


async def receive_typing(ctx: Context, tenant: Tenant, origin: ServerName, content: JsonObject) -> None:
    """Raises `BadJson`, and `Forbidden` for who is not in the room or may not be."""
    edu = read_content(content, _Typing)
    user_id = user_of(origin, edu.user_id)
    try:
        room = await asked_room(ctx, tenant, origin, parse_room_id(edu.room_id))
    except InvalidID as error:
        raise errors.BadJson("EDU: not a room id") from error
    now_ms = ctx.clock.now_ms()
    async with ctx.database.transaction(tenant) as conn:
        user_nid = (await terms.find(conn, ctx.caches, tenant, [user_id])).get(user_id, 0)
        membership = await rooms.room_of(conn, tenant, user_nid, room.room_nid)
        if membership is None or membership.membership != JOIN:
            raise errors.Forbidden("The user is not in the room")
        if not edu.typing and not await ephemeral.is_typing(conn, tenant, room.room_nid, user_nid, now_ms):
            return
        position = await log.take(conn, tenant)
        expires_ts = now_ms + LASTS_MS if edu.typing else 0
        await ephemeral.set_typing(conn, tenant, room.room_nid, user_nid, expires_ts, position)
    ctx.streams.publish(tenant, position, [Fact(position, TYPING, room.room_nid, 0)])
