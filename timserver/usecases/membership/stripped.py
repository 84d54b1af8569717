"""Step: what somebody outside a room is shown of it with an invite or a knock.

Spec: https://spec.matrix.org/v1.19/client-server-api/#stripped-state
"""

import msgspec

from timserver.context import Context
from timserver.matrix import client_event
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


async def stripped_state(ctx: Context, tenant: Tenant, room: LiveRoom, inviter: str | None = None) -> bytes:
    """A JSON array of stripped events; with the inviter's own membership."""
    keys = [(event_type, "") for event_type in _SHOWN]
    if inviter:
        keys.append(("m.room.member", inviter))
    found = await state_events(ctx, tenant, room, keys)
    return msgspec.json.encode([client_event.stripped(found[key][1].pdu) for key in keys if key in found])
