"""Step: an event that another server sends: admitted at once, or behind what is missing before it.

Spec: https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
"""

from collections.abc import Sequence

import structlog

from timserver.context import Context
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.remote.errors import RemoteError
from timserver.store import events, graph
from timserver.store.events import OUTLIER
from timserver.store.live_rooms import LiveRoom
from timserver.store.snapshots import RoomState
from timserver.tenancy import Tenant
from timserver.usecases.events.admitting import Admitted, Status, admit
from timserver.usecases.events.resolving import resolve_states, states_after
from timserver.usecases.federation.fetching import Fetcher
from timserver.usecases.rooms.live import live_room

_log = structlog.get_logger("timserver.federation")

GAPS_MAX = 3
"""Previous events of one event whose states are asked for one by one."""


async def receive_pdu(
    ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID, event: Event
) -> Admitted:
    """Admit an event that was opened; what it follows and cites is fetched first when it is not here.

    `MISSING`: the origin answers and yet does not tell what its event follows, so nothing is to be had of it; the event
    is named again by those that follow it. Raises RemoteError when the origin cannot help now: the event is not lost if it
    is received again later.
    """
    room = await live_room(ctx, tenant, room_id)
    if room is None or not room.is_resident:
        return Admitted(status=Status.REJECTED, reason="room.unknown")
    admitted = await admit(ctx, tenant, room, event)
    if admitted.status is not Status.MISSING:
        return admitted
    fetcher = Fetcher(ctx, tenant, room, origin)
    if admitted.missing_prev:
        for earlier in await fetcher.missing_events(event):
            try:
                await _admit_with_help(ctx, tenant, room, earlier, fetcher)
            except RemoteError as error:
                if error.transient:
                    raise
                _log.info("an event before another one cannot be had", error=str(error))
        admitted = await admit(ctx, tenant, room, event)
        if admitted.missing_prev:
            _log.info("an event stays behind a gap", missing=len(admitted.missing_prev))
            return admitted
    if admitted.missing_auth:
        await fetcher.auth_chain(event)
        admitted = await admit(ctx, tenant, room, event)
    return admitted


async def _admit_with_help(
    ctx: Context, tenant: Tenant, room: LiveRoom, event: Event, fetcher: Fetcher
) -> None:
    """Admit an event of the history before the one that came: the oldest of it stands behind a gap, so the state there is
    fetched, with its auth chains; then what is missing of its own.
    """
    before = None
    admitted = await admit(ctx, tenant, room, event)
    if admitted.missing_prev:
        before = await state_at_gap(ctx, tenant, room, event, fetcher, admitted.missing_prev)
        admitted = await admit(ctx, tenant, room, event, before=before)
    if admitted.missing_auth:
        await fetcher.auth_chain(event)
        await admit(ctx, tenant, room, event, before=before)


async def state_at_gap(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    event: Event,
    fetcher: Fetcher,
    missing_prev: Sequence[EventID],
) -> RoomState:
    """The state before an event some of whose previous events are not here: what the other server says of the state after
    each of these (of many it is asked at once), resolved with what we know ourselves.
    """
    if len(missing_prev) > GAPS_MAX:
        told = [await fetcher.state_before(event.event_id)]
    else:
        told = [await fetcher.state_after(event_id) for event_id in missing_prev]
    keys = [events.event_key(room.version, event_id) for event_id in event.prev_events]
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        nodes = await graph.nodes(conn, tenant, keys)
        here = [
            node for node in nodes.values() if not node.flags & OUTLIER and node.room_nid == room.room_nid
        ]
    states = await states_after(ctx, tenant, room, here)
    return await resolve_states(ctx, tenant, room, [*told, *states])
