"""Step: a local user refuses an invite to a room that we are not in, or takes back a knock.

A server in the room is asked to write it down. When none does, the user is rid of it all the same: the leave stands
here alone, out of band, in an event that is sent to nobody.

Spec: https://spec.matrix.org/v1.19/server-server-api/#leaving-rooms-rejecting-invites
"""

import asyncio

import msgspec
import structlog

from timserver import core
from timserver.context import Context
from timserver.matrix import errors, pdu, signing
from timserver.matrix.event import Event, get_str
from timserver.matrix.ids import EventID, InvalidID, ServerName, parse_user_id, server_name_of
from timserver.matrix.json_types import JsonObject
from timserver.matrix.pdu import PduTemplate
from timserver.matrix.room_versions import EventIdFormat, RoomVersion
from timserver.remote.federation import handshakes
from timserver.store import rooms
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.federation.candidates import helpers, server_of_room_id
from timserver.usecases.federation.handshake import Asked, shake_hands
from timserver.usecases.federation.out_of_band import store_out_of_band
from timserver.usecases.federation.resident_room import takes_part
from timserver.usecases.tenants.signing_key import signing_key

_log = structlog.get_logger("timserver.federation")


def is_elsewhere(tenant: Tenant, room: LiveRoom, member: Event) -> bool:
    """Can the membership be ended only by others? Not so in a room that was all ours."""
    by_others = not room.extremities or server_name_of(member.sender) != tenant.server_name
    return by_others and not takes_part(room)


async def leave_elsewhere(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom, member: Event, reason: str | None
) -> None:
    """`member` is the invite or knock."""
    content: JsonObject = {"reason": reason} if reason is not None else {}
    asked = Asked(
        room_id=room.room_id,
        user_id=requester.user_id,
        membership="leave",
        content=content,
        version=room.version,
    )

    async def send(server_name: ServerName, version: RoomVersion, event: Event) -> None:
        value = pdu.to_object(version, event)
        await handshakes.send_leave(ctx.remote, tenant, server_name, room.room_id, event.event_id, value)

    try:
        servers = await _servers(ctx, tenant, requester, room)
        async with asyncio.timeout(ctx.settings.limits.leave_s_max):
            event = (await shake_hands(ctx, tenant, servers, asked, send)).event
    except (errors.MatrixError, TimeoutError) as error:
        _log.info("left out of band", error=type(error).__name__)
        event = await _own_leave(ctx, tenant, room, member, content)
    await store_out_of_band(ctx, tenant, room.version, room.room_id, event)


async def _servers(ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom) -> list[ServerName]:
    """The inviter's first; then those of whom the shown state tells, and who made the room. Raises by policy."""
    async with ctx.database.transaction(tenant) as conn:
        row = await rooms.room_of(conn, tenant, requester.user_nid, room.room_nid)
    shown = msgspec.json.decode(row.stripped, type=list[dict[str, object]]) if row and row.stripped else []
    told = []
    for event in shown:
        try:
            told.append(server_name_of(parse_user_id(get_str(event, "sender") or "")))  # type: ignore[arg-type]
        except InvalidID:
            continue
    more = (*told, *server_of_room_id(room.room_id))
    return await helpers(ctx, tenant, room, requester.user_id, more)


async def _own_leave(
    ctx: Context, tenant: Tenant, room: LiveRoom, member: Event, content: JsonObject
) -> Event:
    version = room.version
    given = version.event_id_format is EventIdFormat.GIVEN
    hashes = {}
    if given:
        digest = signing.reference_hash(version, pdu.to_object(version, member))
        hashes = {member.event_id: signing.encode_base64(digest)}
    assert member.state_key is not None
    user_id = parse_user_id(member.state_key)
    template = PduTemplate(
        room_id=room.room_id,
        sender=user_id,
        type="m.room.member",
        state_key=user_id,
        content={**content, "membership": "leave"},
        prev_events=(member.event_id,),
        auth_events=(member.event_id,),
        depth=member.depth + 1,
        origin_server_ts=ctx.clock.now_ms(),
        event_id=EventID(f"${ctx.ids.opaque(18)}:{tenant.server_name}") if given else None,
        reference_hashes=hashes,
    )
    key = await signing_key(ctx, tenant)
    return core.seal(version, template, server_name=tenant.server_name, signing_key=key)
