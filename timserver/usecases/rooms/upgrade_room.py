"""A local user replaces a room by one of another version.

Spec: https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
"""

from collections.abc import Sequence

from timserver.context import Context
from timserver.matrix import errors, pdu, room_upgrade
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import RoomAlias, RoomID, UserID
from timserver.matrix.room_presets import StateEvent
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.policy import points
from timserver.policy.facts import CreateRoomFacts
from timserver.store import aliases, room_state, rooms
from timserver.store.live_rooms import BAN, LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.appending import append
from timserver.usecases.events.drafts import draft_of
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.rooms.live import must_current_room
from timserver.usecases.rooms.new_room import make_room
from timserver.usecases.rooms.power import must_have_power_to_send
from timserver.usecases.rooms.take_along import take_settings_along


async def upgrade_room(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    new_version: str,
    additional_creators: Sequence[UserID],
) -> RoomID:
    """The new room's id. Raises `UnsupportedRoomVersion`, and `Forbidden` for who may not close the old room."""
    version = ROOM_VERSIONS.get(new_version)
    if version is None:
        raise errors.UnsupportedRoomVersion()
    points.check(
        points.ON_CREATE_ROOM,
        CreateRoomFacts(
            tenant=tenant, federation=federation_list(ctx), creator=requester.user_id, invitees=()
        ),
    )
    old = await must_current_room(ctx, tenant, room_id)
    await must_have_power_to_send(ctx, tenant, requester, old, "m.room.tombstone")
    state = await _old_state(ctx, tenant, old)
    create = room_upgrade.create_content(
        version,
        requester.user_id,
        old_create=state["m.room.create", ""],
        last_event_id=old.extremities[-1][1],
        additional_creators=additional_creators,
    )
    creators = [requester.user_id, *additional_creators]
    first = [
        StateEvent("m.room.create", create),
        StateEvent("m.room.member", {"membership": "join"}, requester.user_id),
        *room_upgrade.copied_state(old.version, version, creators, state),
    ]
    new = await make_room(ctx, tenant, requester, version, first)
    moved = await _move_directory_entries(ctx, tenant, old, new)
    await _close(ctx, tenant, requester, old, new, state, moved)
    await take_settings_along(ctx, tenant, requester, new.room_id)
    return new.room_id


async def _old_state(ctx: Context, tenant: Tenant, room: LiveRoom) -> dict[StateKey, Event]:
    """What an upgrade looks at: everything but members who are not banned."""
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        rows = await room_state.without_members(conn, tenant, room.room_nid)
        rows += await room_state.members(conn, tenant, room.room_nid, [BAN])
    found = [pdu.parse(room.version, row.json) for row in rows]
    return {event.key: event for event in found}


async def _move_directory_entries(
    ctx: Context, tenant: Tenant, old: LiveRoom, new: LiveRoom
) -> list[RoomAlias]:
    """Aliases and the place in the room directory; the aliases that were moved."""
    async with ctx.database.transaction(tenant) as conn:
        moved = await aliases.of_room(conn, tenant, old.room_nid)
        await aliases.move(conn, tenant, old.room_nid, new.room_nid)
        row = (await rooms.rooms_by_nid(conn, tenant, [old.room_nid]))[old.room_nid]
        if row.in_directory:
            await rooms.set_in_directory(conn, tenant, new.room_nid, True)
            await rooms.set_in_directory(conn, tenant, old.room_nid, False)
    return [RoomAlias(item.alias) for item in moved]


async def _close(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    old: LiveRoom,
    new: LiveRoom,
    state: dict[StateKey, Event],
    moved: Sequence[RoomAlias],
) -> None:
    """The canonical alias follows its aliases, the old room gets its tombstone, and its members lose their voice."""
    known = state.get(("m.room.canonical_alias", ""))
    in_new, in_old = room_upgrade.moved_alias(known.content if known else None, moved)
    if in_new is not None:
        await append(ctx, tenant, new, [draft_of(requester, "m.room.canonical_alias", in_new, "")])
    last = room_upgrade.tombstone(new.room_id)
    await append(ctx, tenant, old, [draft_of(requester, last.type, last.content, last.state_key)])
    rest = [StateEvent("m.room.canonical_alias", in_old)] if in_old is not None else []
    levels = state.get(("m.room.power_levels", ""))
    closing = room_upgrade.closing_levels(old.version, levels.content if levels else {})
    for event in [*rest, *([closing] if closing else [])]:
        try:
            await append(ctx, tenant, old, [draft_of(requester, event.type, event.content, "")])
        except errors.Forbidden:
            continue  # who may set a tombstone may not always do this
