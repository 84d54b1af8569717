"""Step: what a user may do in a room by power."""

from timserver.context import Context
from timserver.matrix import errors, power_levels
from timserver.matrix.power_levels import PowerLevels
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms.live import state_events


async def levels_of(ctx: Context, tenant: Tenant, room: LiveRoom) -> PowerLevels:
    """The room's power levels."""
    keys = [("m.room.create", ""), ("m.room.power_levels", "")]
    found = await state_events(ctx, tenant, room, keys)
    return power_levels.of_state(room.version, {key: event for key, (_, event) in found.items()})


async def may_send_state(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom, event_type: str
) -> bool:
    """Is the user in the room, with the power for state of a type?"""
    if room.membership_of(requester.user_nid) != JOIN:
        return False
    levels = await levels_of(ctx, tenant, room)
    return power_levels.may_send(levels, requester.user_id, event_type, is_state=True)


async def must_have_power_to_send(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom, event_type: str
) -> None:
    """Raises `Forbidden` unless `may_send_state`."""
    if not await may_send_state(ctx, tenant, requester, room, event_type):
        raise errors.Forbidden("You have not the power for this in this room")
