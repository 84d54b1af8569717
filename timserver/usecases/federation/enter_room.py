"""Step: a local user joins a room through another server (STYLE 5, "Join by federation").

The answer is used after every event of it was opened and the whole was found to be the state of the room that we
joined; only then is anything written.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import structlog

from timserver.context import Context
from timserver.matrix import canonical_json, errors, membership_request, pdu
from timserver.matrix.event import Event
from timserver.matrix.ids import ServerName, server_name_of
from timserver.matrix.pdu import authorising_user_of
from timserver.matrix.room_versions import RoomVersion
from timserver.remote.client import CallLimits
from timserver.remote.errors import RemoteError
from timserver.remote.federation import handshakes
from timserver.remote.federation.handshakes import Arrived
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.events.admitting import Status
from timserver.usecases.federation.handshake import Asked, Shaken, shake_hands
from timserver.usecases.federation.importing import Entry, import_room
from timserver.usecases.federation.join_answer import JoinAnswer, open_join_answer
from timserver.usecases.federation.opening import must_open
from timserver.usecases.federation.outliers import AuthChainIncomplete
from timserver.usecases.federation.received_room import ReceivedRoom, check_received
from timserver.usecases.federation.receiving import receive_pdu
from timserver.usecases.federation.resident_room import takes_part

_log = structlog.get_logger("timserver.federation")


async def enter_room(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom | None,
    asked: Asked,
    servers: Sequence[ServerName],
) -> None:
    """`room` is what is known of it. Raises what `shake_hands` does, and 502 for an answer that cannot be believed."""
    has_part = room is not None and takes_part(room)
    wait_s = ctx.settings.limits.join_answer_s_max
    limits = CallLimits(bytes_max=ctx.settings.limits.join_answer_bytes_max, timeout_s=wait_s)

    async with ctx.caches.join_bytes.share(wait_s) as share:

        async def send(server_name: ServerName, version: RoomVersion, event: Event) -> JoinAnswer:
            share.give_back()  # what another server told
            value = pdu.to_object(version, event)
            sent = handshakes.send_join(
                ctx.remote, tenant, server_name, asked.room_id, event.event_id, value, limits=limits
            )
            async with sent as arriving:
                if has_part:
                    return JoinAnswer(event=await _own_event(arriving))
                return await open_join_answer(ctx, tenant, version, arriving, share)

        shaken = await shake_hands(ctx, tenant, servers, asked, send)
        try:
            await _take_part(ctx, tenant, room, asked, shaken)
        except (errors.BadJson, AuthChainIncomplete) as error:
            await _take_back(ctx, tenant, asked, shaken)
            raise errors.Unknown(
                "The other server's answer is not valid", status=502, inner=str(error)
            ) from error
        except errors.Forbidden:
            await _take_back(ctx, tenant, asked, shaken)
            raise


async def _own_event(arriving: AsyncIterator[Arrived]) -> bytes | None:
    """Of the answer nothing but our join, signed. Raises RemoteError."""
    event = None
    async for arrived in arriving:
        event = arrived.event or event
    return event


async def _take_part(
    ctx: Context, tenant: Tenant, room: LiveRoom | None, asked: Asked, shaken: Shaken[JoinAnswer]
) -> None:
    """Believe the answer, if it can be believed. Raises BadJson or `AuthChainIncomplete`, and `Forbidden` when the room
    does not allow the join.
    """
    join = await _co_signed(ctx, tenant, shaken)
    if room is not None and takes_part(room):
        await _follow(ctx, tenant, room, shaken.server_name, join)
        return
    received = await _received(shaken, join)
    entry = Entry(
        version=shaken.version,
        room_id=asked.room_id,
        join=join,
        state=received.state,
        auth_chain=received.auth_chain,
    )
    await import_room(ctx, tenant, entry)


async def _take_back(ctx: Context, tenant: Tenant, asked: Asked, shaken: Shaken[JoinAnswer]) -> None:
    """Leave again, as far as the other server lets us: to it and to whom it has told, the user is in the room."""
    left = msgspec.structs.replace(asked, membership="leave", content={}, version=shaken.version)

    async def send(server_name: ServerName, version: RoomVersion, event: Event) -> None:
        value = pdu.to_object(version, event)
        await handshakes.send_leave(ctx.remote, tenant, server_name, asked.room_id, event.event_id, value)

    try:
        async with asyncio.timeout(ctx.settings.limits.leave_s_max):
            await shake_hands(ctx, tenant, [shaken.server_name], left, send)
    except (errors.MatrixError, TimeoutError) as error:
        _log.info("a join could not be taken back", server=shaken.server_name, error=type(error).__name__)


async def _co_signed(ctx: Context, tenant: Tenant, shaken: Shaken[JoinAnswer]) -> Event:
    """Our join; into a restricted room with the signature of the server whose user grants it."""
    version, join = shaken.version, shaken.event
    granted_by = authorising_user_of(version, join)
    if granted_by is None:
        return join
    if shaken.answer.event is None:
        raise errors.BadJson("The join came back without a signature")
    answered = canonical_json.decode_object(shaken.answer.event, strict=False)
    signed = membership_request.with_signature_of(version, join, answered, server_name_of(granted_by))
    return await must_open(ctx, tenant, version, signed.pdu)


async def _follow(ctx: Context, tenant: Tenant, room: LiveRoom, server_name: ServerName, join: Event) -> None:
    """We are in the room already, and another server granted the join: it comes in like any event of others."""
    try:
        admitted = await receive_pdu(ctx, tenant, server_name, room.room_id, join)
    except RemoteError as error:
        raise errors.BadJson("What the join follows could not be had", inner=str(error)) from error
    if admitted.status not in (Status.NEW, Status.KNOWN):
        raise errors.Forbidden("The room does not allow this", inner=admitted.reason)


async def _received(shaken: Shaken[JoinAnswer], join: Event) -> ReceivedRoom:
    """The state and auth chains, if they are those of the room. Raises BadJson."""
    answer = shaken.answer
    received = await asyncio.to_thread(check_received, shaken.version, join, answer.state, answer.auth_chain)
    _log.info(
        "room received",
        server=shaken.server_name,
        state=len(received.state),
        auth_chain=len(received.auth_chain),
        left_out=received.left_out + answer.refused,
    )
    return received
