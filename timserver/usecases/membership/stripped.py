"""Step: what somebody outside a room is shown of it with an invite or a knock.

Spec: https://spec.matrix.org/v1.19/client-server-api/#stripped-state
"""

import msgspec

from timserver.context import Context
from timserver.matrix import client_event
from timserver.matrix.event import Event
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.rooms.live import state_events

_SHOWN = (
    "m.room.create",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.join_rules",
    "m.room.canonical_alias",
    "m.room.encryption",
)


async def shown_events(
    ctx: Context, tenant: Tenant, room: LiveRoom, inviter: str | None = None
) -> list[Event]:
    """The events themselves, as other servers get them since Matrix 1.16; with the inviter's own membership."""
    keys = [(event_type, "") for event_type in _SHOWN]
    if inviter:
        keys.append(("m.room.member", inviter))
    found = await state_events(ctx, tenant, room, keys)
    return [found[key][1] for key in keys if key in found]


async def stripped_state(ctx: Context, tenant: Tenant, room: LiveRoom, inviter: str | None = None) -> bytes:
    """The same as a JSON array of stripped events."""
    shown = await shown_events(ctx, tenant, room, inviter)
    return msgspec.json.encode([client_event.stripped(event.pdu) for event in shown])
