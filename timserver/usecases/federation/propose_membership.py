"""Another server asks what event would let one of its users join, leave or knock (`/make_join`, `/make_leave`, `/make_knock`).

The answer is a template that nobody has signed; the other server makes its own event of it.

Spec: https://spec.matrix.org/v1.19/server-server-api/#joining-rooms
"""

from collections.abc import Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import errors, membership_template
from timserver.matrix.ids import RoomID, ServerName, UserID, server_name_of
from timserver.matrix.json_types import JsonValue
from timserver.matrix.membership_template import GRANTED_BY
from timserver.store import terms
from timserver.store.live_rooms import INVITE, JOIN, LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.federation.resident_room import resident_room
from timserver.usecases.federation.template import authorized_template
from timserver.usecases.membership.restricted import authorising_user


class MembershipAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What another server wants for one of its users."""

    room_id: RoomID
    user_id: UserID
    membership: str
    versions: Sequence[str] | None = None
    """Room versions that the other server knows; None: it need not say."""


class Proposal(msgspec.Struct, frozen=True):
    """The template."""

    room_version: str
    event: dict[str, JsonValue]


async def propose_membership(
    ctx: Context, tenant: Tenant, origin: ServerName, asked: MembershipAsked
) -> Proposal:
    """Raises `NotFound`, `Forbidden`, `IncompatibleRoomVersion`, and for a restricted room what `authorising_user` does."""
    if server_name_of(asked.user_id) != origin:
        raise errors.Forbidden("The user is not of the asking server")
    room = await resident_room(ctx, tenant, origin, asked.room_id)
    version = room.version
    if asked.versions is not None and version.identifier not in asked.versions:
        raise errors.IncompatibleRoomVersion(
            "Your homeserver does not support the features required to join this room",
            room_version=version.identifier,
        )
    content: dict[str, JsonValue] = {"membership": asked.membership}
    grant = None
    if asked.membership == "join":
        grant = await _grant(ctx, tenant, room, asked.user_id)
    if grant is not None:
        content[GRANTED_BY] = grant
    template = await authorized_template(
        ctx,
        tenant,
        room,
        sender=asked.user_id,
        target=asked.user_id,
        content=content,
        co_signer=tenant.server_name if grant else None,
    )
    return Proposal(version.identifier, membership_template.to_send(version, template, tenant.server_name))


async def _grant(ctx: Context, tenant: Tenant, room: LiveRoom, user_id: UserID) -> UserID | None:
    """Who lets the user into a restricted room; nobody needs to when an invite does, or when they are in it."""
    (user_nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [user_id])
    if room.membership_of(user_nid) in (JOIN, INVITE):
        return None
    return await authorising_user(ctx, tenant, user_nid, room)
