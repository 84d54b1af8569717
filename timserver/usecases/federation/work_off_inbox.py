"""Events that waited for others before them: asked for, and admitted (`receiving.py`).

What was asked when the event came is asked again, since the room's list, the federation list and our membership may
have changed while it waited. An event that is not lost by being given up: whoever follows it names it again.
"""

from collections.abc import Sequence

import msgspec
import structlog

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.remote.errors import RemoteError
from timserver.store import inbox, rooms
from timserver.store.inbox import Turn, Waiting
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.federation.incoming_pdus import check_event
from timserver.usecases.federation.opening import Refused, open_pdus
from timserver.usecases.federation.receiving import receive_pdu
from timserver.usecases.federation.resident_room import refusal_of_room
from timserver.usecases.rooms.live import current_room

BATCH = 20
"""Events of one turn; then others come first."""
_PAUSE_MS_MIN, _PAUSE_MS_MAX = 2_000, 600_000

_log = structlog.get_logger("timserver.federation")


class _Outcome(msgspec.Struct, frozen=True):
    """Which events wait no more, and whether others were in vain."""

    done: list[bytes]
    in_vain: list[bytes]


async def work_off_inbox(ctx: Context, tenant: Tenant, turn: Turn) -> None:
    """One turn: the oldest events of a server in a room. Raises `Unavailable`; then the turn comes again by itself."""
    async with ctx.database.transaction(tenant) as conn:
        waiting = await inbox.waiting_events(conn, tenant, turn, BATCH)
        row = (await rooms.rooms_by_nid(conn, tenant, [turn.room_nid])).get(turn.room_nid)
    room = await current_room(ctx, tenant, RoomID(row.room_id)) if row else None
    origin = ServerName(turn.origin)
    refusal = await refusal_of_room(ctx, tenant, room, origin) if room else "no room"
    if room is None or refusal is not None:
        outcome = _Outcome([item.event_hash for item in waiting], [])
    else:
        outcome = await _receive_all(ctx, tenant, origin, room, waiting)
    await _end(ctx, tenant, turn, outcome)


async def _receive_all(
    ctx: Context, tenant: Tenant, origin: ServerName, room: LiveRoom, waiting: Sequence[Waiting]
) -> _Outcome:
    opened = await open_pdus(ctx, tenant, room.version, [item.pdu for item in waiting])
    outcome = _Outcome([], [])
    for place, (item, event) in enumerate(zip(waiting, opened, strict=True)):
        is_done = True
        try:
            if not isinstance(event, Refused):
                check_event(ctx, tenant, origin, room, event)
                async with ctx.caches.shares.of_servers.take(origin):
                    await receive_pdu(ctx, tenant, origin, room.room_id, event)
        except errors.Unavailable:
            raise
        except errors.MatrixError:
            pass
        except RemoteError as error:
            _log.info("an event still waits", error=str(error))
            if error.transient:  # the others would have to ask the same server
                outcome.in_vain.extend(left.event_hash for left in waiting[place:])
                break
            is_done = False
        except Exception:
            _log.exception("an event that waited could not be received", request_id=ctx.ids.opaque(12))
            is_done = False
        (outcome.done if is_done else outcome.in_vain).append(item.event_hash)
    return outcome


async def _end(ctx: Context, tenant: Tenant, turn: Turn, outcome: _Outcome) -> None:
    attempts = 0 if outcome.done or not outcome.in_vain else turn.attempts + 1
    given_up = outcome.in_vain if attempts >= ctx.settings.limits.inbox_attempts_max else []
    if given_up:
        _log.info("events that waited are given up", count=len(given_up))
        attempts = 0
    pause_ms = min(_PAUSE_MS_MIN << (attempts - 1), _PAUSE_MS_MAX) if attempts else 0
    async with ctx.database.transaction(tenant) as conn:
        await inbox.done(conn, tenant, turn, [*outcome.done, *given_up])
        await inbox.end_turn(conn, tenant, turn, due_ts=ctx.clock.now_ms() + pause_ms, attempts=attempts)
