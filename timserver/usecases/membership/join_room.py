"""A local user joins a room of this server.

Spec: https://spec.matrix.org/v1.19/client-server-api/#joining-rooms
"""

from collections.abc import Sequence

from timserver.context import Context
from timserver.matrix import errors, power_levels
from timserver.matrix.event import Event, get_list, get_str
from timserver.matrix.ids import RoomID, ServerName, UserID
from timserver.policy import points
from timserver.policy.facts import JoinFacts
from timserver.store import rooms, terms
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.membership.changing import Change, change_membership, membership_of
from timserver.usecases.rooms.live import current_room, state_events


async def join_room(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    *,
    via: Sequence[ServerName] = (),
    reason: str | None = None,
) -> None:
    """Join, or do nothing for who is joined. Raises `Forbidden` when the join rules refuse."""
    points.check(
        points.ON_JOIN,
        JoinFacts(tenant=tenant, federation=federation_list(ctx), user_id=requester.user_id, via=tuple(via)),
    )
    room = await current_room(ctx, tenant, room_id)
    if room is None:
        raise errors.NotFound("Room not found here, and no other server can be asked")
    current = await membership_of(ctx, tenant, room, requester.user_id)
    if current == "join":
        return
    authorised_via = None
    if current != "invite":
        authorised_via = await authorising_user(ctx, tenant, requester, room)
    await change_membership(
        ctx,
        tenant,
        requester,
        room,
        Change(target=requester.user_id, membership="join", reason=reason, authorised_via=authorised_via),
    )


async def authorising_user(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom
) -> UserID | None:
    """In a restricted room: a local member with the power to invite, when the user is in one of the allowed rooms.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms
    """
    keys = [("m.room.join_rules", ""), ("m.room.create", ""), ("m.room.power_levels", "")]
    found = {key: event for key, (_, event) in (await state_events(ctx, tenant, room, keys)).items()}
    rules = found.get(("m.room.join_rules", ""))
    if rules is None or not _is_restricted(room, rules):
        return None
    allowed = [
        get_str(rule, "room_id")
        for rule in get_list(rules.content, "allow") or []
        if isinstance(rule, dict) and rule.get("type") == "m.room_membership"
    ]
    async with ctx.database.transaction(tenant) as conn:
        mine = {
            row.room_id
            for row in await rooms.rooms_of(conn, tenant, requester.user_nid)
            if row.membership == JOIN
        }
        if not mine & set(allowed):
            raise errors.Forbidden("You do not belong to any of the required rooms")
        names = await terms.names_of(conn, ctx.caches, tenant, room.joined_local())
    levels = power_levels.of_state(room.version, found)
    needed = power_levels.named_level(levels, "invite")
    for name in names.values():
        if power_levels.user_level(levels, name) >= needed:
            return UserID(name)
    raise errors.UnableToGrantJoin()


def _is_restricted(room: LiveRoom, rules: Event) -> bool:
    rule = get_str(rules.content, "join_rule")
    return (rule == "restricted" and room.version.restricted) or (
        rule == "knock_restricted" and room.version.knock_restricted
    )
