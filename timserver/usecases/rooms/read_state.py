"""A local user reads a room's state; who has left reads what it was then.

Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstate
"""

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix import client_event, errors
from timserver.matrix.ids import RoomID
from timserver.store import room_state, terms
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.store.live_rooms import JOIN, MEMBERSHIP_CODES
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.rendering import Reader, render
from timserver.usecases.events.visible import Seen
from timserver.usecases.rooms import state_at
from timserver.usecases.rooms.access import Access, read_access
from timserver.usecases.rooms.live import must_live_room


class Profile(msgspec.Struct, frozen=True):
    """What a member event says of its user. Both fields are always there, null when it says nothing, as clients know it."""

    display_name: str | None
    avatar_url: str | None


class _Shown(msgspec.Struct):
    displayname: object = None
    avatar_url: object = None


class _MemberPdu(msgspec.Struct):
    state_key: str
    content: _Shown


_decode_member = msgspec.json.Decoder(_MemberPdu).decode


async def read_state(ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID) -> list[Raw]:
    """All state events. Raises `Forbidden`."""
    room = await must_live_room(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        access = await read_access(conn, tenant, requester.user_nid, room)
        rows = await state_at.whole(conn, tenant, access)
        return await _rendered(ctx, conn, tenant, requester, access, rows)


async def read_state_entry(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    event_type: str,
    state_key: str,
    *,
    whole_event: bool = False,
) -> Raw:
    """The content, or with `whole_event` the event, under one key. Raises `Forbidden` and `NotFound`."""
    room = await must_live_room(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        access = await read_access(conn, tenant, requester.user_nid, room)
        key_nid = await terms.find_key_nid(conn, ctx.caches, tenant, event_type, state_key)
        row = await state_at.entry(conn, tenant, access, key_nid) if key_nid else None
        if row is None:
            raise errors.NotFound("No such state event")
        if not whole_event:
            return client_event.content_of(row.json)
        return (await _rendered(ctx, conn, tenant, requester, access, [row]))[0]


async def read_members(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    *,
    at: int | None = None,
    membership: str | None = None,
    not_membership: str | None = None,
) -> list[Raw]:
    """Member events, now or after a position of the log. Raises `Forbidden`."""
    wanted = {membership} if membership else set(MEMBERSHIP_CODES)
    wanted -= {not_membership or ""}
    room = await must_live_room(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        access = await read_access(conn, tenant, requester.user_nid, room)
        rows = await state_at.members(conn, tenant, access, wanted, at)
        return await _rendered(ctx, conn, tenant, requester, access, rows)


async def read_joined_members(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID
) -> dict[str, Profile]:
    """Who is in the room, and how they call themselves there. Raises `Forbidden` for who is not in it."""
    room = await must_live_room(ctx, tenant, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        access = await read_access(conn, tenant, requester.user_nid, room)
        if not access.is_joined:
            raise errors.Forbidden("You are not in this room")
        rows = await room_state.members(conn, tenant, access.room.room_nid, [JOIN])
    found = {}
    for row in rows:
        member = _decode_member(row.json)
        found[member.state_key] = Profile(_text(member.content.displayname), _text(member.content.avatar_url))
    return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


async def _rendered(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    requester: Requester,
    access: Access,
    rows: list[EventRow],
) -> list[Raw]:
    reader = Reader(user_nid=requester.user_nid, device_nid=requester.device_nid)
    room, seen = access.room, [Seen(row, "join") for row in rows]
    return await render(ctx, conn, tenant, room.room_id, room.version, reader, seen)
