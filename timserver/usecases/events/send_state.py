"""A state event by a local user.

Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey
"""

from timserver.context import Context
from timserver.matrix.event import get_str
from timserver.matrix.ids import EventID, RoomID
from timserver.matrix.json_types import JsonObject
from timserver.policy import points
from timserver.policy.facts import SendFacts
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.appending import append
from timserver.usecases.events.drafts import draft_of
from timserver.usecases.membership.given_content import send_given_membership
from timserver.usecases.rooms.aliases import check_canonical_alias
from timserver.usecases.rooms.live import must_current_room, state_events
from timserver.usecases.rooms.take_along import take_settings_along


async def send_state(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    event_type: str,
    state_key: str,
    content: JsonObject,
) -> EventID:
    """The event's id; when the user repeats what the state says already, the id of the event that says it.

    Raises `Forbidden`, for member events what invites and joins raise, `BadAlias` for aliases of another room.
    """
    room = await must_current_room(ctx, tenant, room_id)
    facts = SendFacts(
        tenant=tenant, sender=requester.user_id, type=event_type, content=content, state_key=state_key
    )
    points.check(points.ON_SEND, facts)
    if event_type == "m.room.member":
        return await send_given_membership(ctx, tenant, requester, room, state_key, content)
    known = await _known(ctx, tenant, requester, room, event_type, state_key, content)
    if known is not None:
        return known
    if event_type == "m.room.canonical_alias" and not state_key:
        await check_canonical_alias(ctx, tenant, room, content)
    result = await append(ctx, tenant, room, [draft_of(requester, event_type, content, state_key)])
    if (
        event_type == "m.room.tombstone" and not state_key
    ):  # an upgrade by hand: the new room is there already
        await take_settings_along(ctx, tenant, requester, RoomID(get_str(content, "replacement_room") or ""))
    return result.event_ids[-1]


async def _known(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room: LiveRoom,
    event_type: str,
    state_key: str,
    content: JsonObject,
) -> EventID | None:
    """The event that says the same already."""
    if room.membership_of(requester.user_nid) != JOIN:
        return None
    found = await state_events(ctx, tenant, room, [(event_type, state_key)])
    event = found[event_type, state_key][1] if found else None
    same = event is not None and event.sender == requester.user_id and event.content == content
    return event.event_id if event is not None and same else None
