"""A local user makes a room: all its state in one append, then the invites, each of which may be refused.

Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom
"""

from collections.abc import Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import errors, room_presets
from timserver.matrix.ids import RoomID, UserID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.policy import points
from timserver.policy.facts import CreateRoomFacts
from timserver.store import aliases, rooms
from timserver.store.database import UniqueViolation
from timserver.tenancy import Requester, Tenant, Variant
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.membership.invite_user import invite_into
from timserver.usecases.rooms.aliases import make_alias
from timserver.usecases.rooms.new_room import make_room


class NewRoom(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for."""

    room_version: str | None = None
    preset: room_presets.Preset | None = None
    visibility: str = "private"
    alias_localpart: str | None = None
    name: str | None = None
    topic: str | None = None
    invite: Sequence[UserID] = ()
    is_direct: bool = False
    creation_content: JsonObject = {}
    initial_state: Sequence[room_presets.StateEvent] = ()
    power_level_content_override: JsonObject = {}


async def create_room(ctx: Context, tenant: Tenant, requester: Requester, wanted: NewRoom) -> RoomID:
    """The new room's id. Raises `InvalidParam` for too many invites, `UnsupportedRoomVersion`, `RoomInUse`,
    `InvalidRoomState` and by policy.
    """
    if len(wanted.invite) > ctx.settings.limits.create_room_invites_max:
        raise errors.InvalidParam(f"At most {ctx.settings.limits.create_room_invites_max} invites")
    facts = CreateRoomFacts(
        tenant=tenant,
        federation=federation_list(ctx),
        creator=requester.user_id,
        invitees=tuple(wanted.invite),
    )
    points.check(points.ON_CREATE_ROOM, facts)
    version = ROOM_VERSIONS.get(wanted.room_version or tenant.settings.default_room_version)
    if version is None:
        raise errors.UnsupportedRoomVersion()
    alias = make_alias(tenant, wanted.alias_localpart) if wanted.alias_localpart is not None else None
    plan = room_presets.RoomPlan(
        creator=requester.user_id,
        version=version,
        preset=room_presets.preset_of(wanted.preset, wanted.visibility),
        creation_content=wanted.creation_content,
        power_level_content_override=wanted.power_level_content_override,
        initial_state=wanted.initial_state,
        invite=wanted.invite,
        name=wanted.name,
        topic=wanted.topic,
        alias=alias,
        encryption_default=tenant.variant is not Variant.OFF,
    )
    state = room_presets.new_room_state(plan)
    if alias is not None:
        async with ctx.database.transaction(tenant) as conn:
            if await aliases.find(conn, tenant, alias) is not None:
                raise errors.RoomInUse()
    room = await make_room(ctx, tenant, requester, version, state)
    if alias is not None or wanted.visibility == "public":
        try:
            async with ctx.database.transaction(tenant) as conn:
                if alias is not None:
                    await aliases.insert(conn, tenant, alias, room.room_nid, requester.user_nid)
                await rooms.set_in_directory(conn, tenant, room.room_nid, wanted.visibility == "public")
        except UniqueViolation:
            raise errors.RoomInUse() from None
    for invitee in wanted.invite:
        await invite_into(ctx, tenant, requester, room, invitee, is_direct=wanted.is_direct)
    return room.room_id
