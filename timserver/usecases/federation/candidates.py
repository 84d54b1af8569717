"""Step: which servers may help a local user into a room, or out of it, the most promising first."""

from collections.abc import Iterable, Sequence

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import InvalidID, RoomID, ServerName, UserID, parse_server_name, server_name_of
from timserver.policy import points
from timserver.policy.facts import JoinFacts
from timserver.store import room_servers, terms
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.federation.resident_room import takes_part
from timserver.usecases.rooms.live import state_event


async def helpers(
    ctx: Context, tenant: Tenant, room: LiveRoom | None, user_id: UserID, via: Iterable[ServerName]
) -> list[ServerName]:
    """Servers that may be asked: the inviter's, those that the client names, those that are in the room as far as we know:
    of a room that we are not in that may be old, so it only counts when the client names none.

    Each is a policy's question (place 10 of tim/REQUIREMENTS 2.5): one that is refused is left out. Raises the refusal
    when none is left. Empty when nobody is known.
    """
    named = [name for name in via if name != tenant.server_name]
    found = [*await _inviters(ctx, tenant, room, user_id), *named]
    if room is not None and (takes_part(room) or not named):
        found += await _known_in_room(ctx, tenant, room)
    found = [name for name in dict.fromkeys(found) if name != tenant.server_name]
    return _allowed(ctx, tenant, user_id, found)[: ctx.settings.limits.handshake_servers_max]


def _allowed(ctx: Context, tenant: Tenant, user_id: UserID, found: Sequence[ServerName]) -> list[ServerName]:
    allowed, refusal = [], None
    for name in found:
        facts = JoinFacts(tenant=tenant, federation=federation_list(ctx), user_id=user_id, via=(name,))
        try:
            points.check(points.ON_JOIN, facts)
        except errors.MatrixError as error:
            refusal = refusal or error
        else:
            allowed.append(name)
    if refusal is not None and not allowed:
        raise refusal
    return allowed


async def _inviters(ctx: Context, tenant: Tenant, room: LiveRoom | None, user_id: UserID) -> list[ServerName]:
    member = await state_event(ctx, tenant, room, "m.room.member", user_id) if room is not None else None
    return [server_name_of(member.sender)] if member else []


async def _known_in_room(ctx: Context, tenant: Tenant, room: LiveRoom) -> list[ServerName]:
    limit = ctx.settings.limits.handshake_servers_max
    async with ctx.database.transaction(tenant) as conn:
        nids = await room_servers.servers_in_room(conn, tenant, room.room_nid, limit)
        names = await terms.names_of(conn, ctx.caches, tenant, nids)
    return [ServerName(names[nid]) for nid in nids if nid in names]


def server_of_room_id(room_id: RoomID) -> list[ServerName]:
    """The server that made the room, as its id has it before room version 12: a last resort."""
    try:
        return [parse_server_name(room_id.partition(":")[2])]
    except InvalidID:
        return []
