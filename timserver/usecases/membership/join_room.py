"""A local user joins a room: here, when the tenant is in it; else by way of a server that is.

Spec: https://spec.matrix.org/v1.19/client-server-api/#joining-rooms
"""

from collections.abc import Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.membership_template import GRANTED_BY
from timserver.policy import points
from timserver.policy.facts import JoinFacts
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.federation.candidates import helpers
from timserver.usecases.federation.enter_room import enter_room
from timserver.usecases.federation.handshake import Asked
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.federation.resident_room import takes_part
from timserver.usecases.membership.changing import Change, change_membership, membership_of
from timserver.usecases.membership.profile_content import profile_content
from timserver.usecases.membership.restricted import authorising_user
from timserver.usecases.rooms.live import current_room
from timserver.usecases.rooms.take_along import take_settings_along

_NOT_THE_CLIENTS = frozenset(
    {
        "membership",
        "displayname",
        "avatar_url",
        "reason",
        "third_party_signed",
        GRANTED_BY,
    }
)
"""What the server puts into a join itself, whatever the client says."""


class _Join(msgspec.Struct, frozen=True):
    room_id: RoomID
    via: tuple[ServerName, ...]
    reason: str | None
    more: JsonObject


async def join_room(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    *,
    via: Sequence[ServerName] = (),
    reason: str | None = None,
    more: JsonObject | None = None,
) -> None:
    """Join, or do nothing for who is joined; `more` goes into the member event's content. Raises `Forbidden` when the
    join rules refuse, `NotFound` when nobody can be asked, and what other servers answer.

    Of one room the tenant learns by one join at a time: who asks again meanwhile gets its outcome, another user waits
    and then joins here.
    """
    own = {name: value for name, value in (more or {}).items() if name not in _NOT_THE_CLIENTS}
    wanted = _Join(room_id, tuple(dict.fromkeys(via)), reason, own)
    points.check(
        points.ON_JOIN,
        JoinFacts(tenant=tenant, federation=federation_list(ctx), user_id=requester.user_id, via=wanted.via),
    )

    async def join_elsewhere() -> None:
        await _join_elsewhere(ctx, tenant, requester, wanted)

    for _ in range(ctx.settings.limits.append_retries_max):
        room = await current_room(ctx, tenant, room_id)
        if room is not None and room.membership_of(requester.user_nid) == JOIN:
            return
        joined = False
        if room is not None and takes_part(room):
            joined = await _join_here(ctx, tenant, requester, room, wanted)
        if not joined:
            key = (tenant.tenant_id, room_id)
            joined = await ctx.caches.joins.share(key, requester.user_nid, join_elsewhere)
        if joined:
            await take_settings_along(ctx, tenant, requester, room_id)
            return
    raise errors.Unavailable("Others keep joining the room")


async def _join_here(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom, wanted: _Join
) -> bool:
    """False when only another server in the room can let the user in."""
    current = await membership_of(ctx, tenant, room, requester.user_id)
    if current == "join":
        return True
    authorised_via = None
    if current != "invite":
        try:
            authorised_via = await authorising_user(ctx, tenant, requester.user_nid, room)
        except (errors.UnableToAuthoriseJoin, errors.UnableToGrantJoin) as error:
            if await helpers(ctx, tenant, room, requester.user_id, wanted.via):
                return False
            if isinstance(error, errors.UnableToGrantJoin):
                raise
            raise errors.Forbidden("You do not belong to any of the required rooms") from error
    change = Change(
        target=requester.user_id,
        membership="join",
        reason=wanted.reason,
        authorised_via=authorised_via,
        more=wanted.more,
    )
    await change_membership(ctx, tenant, requester, room, change)
    return True


async def _join_elsewhere(ctx: Context, tenant: Tenant, requester: Requester, wanted: _Join) -> None:
    room = await current_room(ctx, tenant, wanted.room_id)
    servers = await helpers(ctx, tenant, room, requester.user_id, wanted.via)
    if not servers:
        raise errors.NotFound("Room not found here, and no other server can be asked")
    content: dict[str, JsonValue] = {**wanted.more}
    if wanted.reason is not None:
        content["reason"] = wanted.reason
    async with ctx.database.transaction(tenant) as conn:
        content |= await profile_content(conn, tenant, requester.user_nid)
    asked = Asked(
        room_id=wanted.room_id,
        user_id=requester.user_id,
        membership="join",
        content=content,
        version=room.version if room is not None else None,
    )
    await enter_room(ctx, tenant, room, asked, servers)
