"""Step: memberships of our users in rooms that the tenant is not in: invites, knocks, and the end of both.

The event is not part of any history here; the user sees the room by the stripped state that came with it.
"""

from collections.abc import Sequence

import msgspec

from timserver.context import Context
from timserver.matrix.event import Event
from timserver.matrix.ids import RoomID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import RoomVersion
from timserver.store import admission, events, terms
from timserver.store.live_rooms import LEAVE, MEMBERSHIP_CODES, LiveRoom
from timserver.store.streams import EVENT, Fact
from timserver.tenancy import Tenant
from timserver.usecases.federation.importing import ensured_room
from timserver.usecases.rooms.live import catch_up


async def store_out_of_band(
    ctx: Context,
    tenant: Tenant,
    version: RoomVersion,
    room_id: RoomID,
    event: Event,
    stripped: Sequence[JsonObject] = (),
) -> LiveRoom:
    """Store the membership of a local user, by an event that was opened; `stripped` are the events shown with it."""
    assert event.type == "m.room.member"
    room = await ensured_room(ctx, tenant, room_id, version)
    user_nid, sender_nid = await terms.intern(
        ctx.database, ctx.caches, tenant, [event.state_key or "", event.sender]
    )
    (nid,) = await ctx.database.take_nids(1)
    membership = MEMBERSHIP_CODES.get(event.membership or "", LEAVE)
    async with room.lock:
        position = await admission.store_out_of_band(
            ctx.database,
            tenant,
            admission.OutOfBand(
                room_nid=room.room_nid,
                nid=nid,
                event_hash=events.event_key(version, event.event_id),
                depth=min(event.depth, 2**53 - 1),
                ts=event.origin_server_ts,
                user_nid=user_nid,
                sender_nid=sender_nid,
                membership=membership,
                stripped=msgspec.json.encode(list(stripped)) if stripped else None,
                json=event.pdu,
            ),
        )
        await catch_up(ctx, tenant, room)
    ctx.streams.publish(tenant, position, [Fact(position, EVENT, room.room_nid, user_nid, membership)])
    return room
