"""Step: what becomes of an invite or knock to a room that we are not in is decided there, and we are told once.

We cannot check the room's rules. What we check is that the event cites the very invite or knock that we hold, whose id
nobody outside the room can know, and that its sender's server has signed it. An invite is only taken back by who gave it:
of everybody else in the room we cannot tell whether they may. A knock is answered by whoever answers.

Spec: https://spec.matrix.org/v1.19/server-server-api/#inviting-to-a-room
"""

from timserver.context import Context
from timserver.matrix.event import Event
from timserver.matrix.ids import UserID, is_user_id, server_name_of
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.federation.out_of_band import store_out_of_band
from timserver.usecases.federation.resident_room import takes_part
from timserver.usecases.rooms.live import state_event

_HELD = ("invite", "knock")
_ENDS = ("leave", "ban")


async def receive_rescinded(ctx: Context, tenant: Tenant, room: LiveRoom, event: Event) -> bool:
    """Take the end of an invite or knock of one of our users; False for any other event. `event` was opened."""
    user_id = event.state_key or ""
    if event.type != "m.room.member" or event.membership not in _ENDS or not is_user_id(user_id):
        return False
    if server_name_of(UserID(user_id)) != tenant.server_name or takes_part(room):
        return False
    held = await state_event(ctx, tenant, room, "m.room.member", user_id)
    if held is None or held.membership not in _HELD or held.event_id not in event.auth_events:
        return False
    if held.membership == "invite" and event.sender != held.sender:
        return False
    await store_out_of_band(ctx, tenant, room.version, room.room_id, event)
    return True
