"""Step: who lets a user into a restricted room, for members of which other rooms it is open.

Spec: https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms and
https://spec.matrix.org/v1.19/server-server-api/#restricted-rooms
"""

from timserver.context import Context
from timserver.matrix import errors, power_levels
from timserver.matrix.event import Event, get_list, get_str
from timserver.matrix.ids import UserID
from timserver.store import rooms, terms
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.rooms.live import state_events

_ASKED = (("m.room.join_rules", ""), ("m.room.create", ""), ("m.room.power_levels", ""))


async def authorising_user(ctx: Context, tenant: Tenant, user_nid: int, room: LiveRoom) -> UserID | None:
    """A local member with the power to invite, when the user (of whatever server) is in one of the allowed rooms; None
    in a room that is not restricted.

    Raises `Forbidden` for who is in none of them, `UnableToAuthoriseJoin` when that cannot be told here,
    `UnableToGrantJoin` when nobody here has the power.
    """
    found = {key: event for key, (_, event) in (await state_events(ctx, tenant, room, _ASKED)).items()}
    rules = found.get(("m.room.join_rules", ""))
    if rules is None or not is_restricted(room, rules):
        return None
    allowed = [
        room_id
        for rule in get_list(rules.content, "allow") or []
        if isinstance(rule, dict) and rule.get("type") == "m.room_membership"
        if (room_id := get_str(rule, "room_id")) is not None
    ]
    async with ctx.database.transaction(tenant) as conn:
        known = await rooms.membership_in(conn, tenant, user_nid, allowed)
        names = await terms.names_of(conn, ctx.caches, tenant, room.joined_local())
    if not any(known.values()):
        if set(allowed) - known.keys():
            raise errors.UnableToAuthoriseJoin()
        raise errors.Forbidden("You do not belong to any of the required rooms")
    levels = power_levels.of_state(room.version, found)
    needed = power_levels.named_level(levels, "invite")
    for name in names.values():
        if power_levels.user_level(levels, name) >= needed:
            return UserID(name)
    raise errors.UnableToGrantJoin()


def is_restricted(room: LiveRoom, rules: Event) -> bool:
    """Is membership in other rooms a way in?"""
    rule = get_str(rules.content, "join_rule")
    return (rule == "restricted" and room.version.restricted) or (
        rule == "knock_restricted" and room.version.knock_restricted
    )
