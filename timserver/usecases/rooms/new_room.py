"""Step: a room comes into being by the events of its first state."""

from collections.abc import Sequence

from timserver.context import Context
from timserver.matrix.ids import RoomID
from timserver.matrix.room_presets import StateEvent
from timserver.matrix.room_versions import RoomVersion
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.appending import append
from timserver.usecases.events.drafts import draft_of
from timserver.usecases.membership.profile_content import profile_content
from timserver.usecases.rooms.live import remember


async def make_room(
    ctx: Context, tenant: Tenant, requester: Requester, version: RoomVersion, state: Sequence[StateEvent]
) -> LiveRoom:
    """All events in one append; the creator's join gets the profile. Raises what `append` raises."""
    (room_nid,) = await ctx.database.take_nids(1)
    room_id = "" if version.room_id_is_create_hash else f"!{ctx.ids.opaque(18)}:{tenant.server_name}"
    room = LiveRoom(room_nid, RoomID(room_id), version)
    async with ctx.database.transaction(tenant) as conn:
        profile = await profile_content(conn, tenant, requester.user_nid)
    drafts = []
    for event in state:
        is_own = event.type == "m.room.member" and event.state_key == requester.user_id
        content = {**event.content, **profile} if is_own else event.content
        drafts.append(draft_of(requester, event.type, content, event.state_key))
    await append(ctx, tenant, room, drafts)
    return remember(ctx, tenant, room)
