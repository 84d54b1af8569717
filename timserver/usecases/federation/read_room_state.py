"""Another server asks for the state before an event, or for what an event was authorized by.

Who may see the event, or is in the room now, gets its state and auth events whole: they are what the graph is checked
with, and whoever is in the room may ask for the state at any point of it.

Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1stateroomid
"""

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.store import events, graph, snapshots
from timserver.store.database import Connection
from timserver.store.events import OUTLIER, REJECTED, EventRow
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.federation.asked_room import asked_room
from timserver.usecases.federation.served_pdus import Part
from timserver.usecases.federation.visible_to_server import Verdict, audience_of, verdicts


class StateIdsAt(msgspec.Struct, frozen=True):
    """The same as ids."""

    pdu_ids: list[EventID]
    auth_chain_ids: list[EventID]


async def read_room_state(
    ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID, event_id: EventID
) -> list[Part]:
    """State events, and all that they were authorized by. Raises `Forbidden` and `NotFound`."""
    room = await asked_room(ctx, tenant, origin, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        state, chain = await _state_and_chain(ctx, conn, tenant, origin, room, event_id)
    return [b'{"pdus":', sorted(state), b',"auth_chain":', sorted(chain), b"}"]


async def read_room_state_ids(
    ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID, event_id: EventID
) -> StateIdsAt:
    """Raises `Forbidden` and `NotFound`."""
    room = await asked_room(ctx, tenant, origin, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        state, chain = await _state_and_chain(ctx, conn, tenant, origin, room, event_id)
        ids = await events.event_ids(conn, tenant, room.version, state | chain)
    return StateIdsAt([ids[nid] for nid in sorted(state)], [ids[nid] for nid in sorted(chain)])


async def read_event_auth(
    ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID, event_id: EventID
) -> list[Raw]:
    """The auth chain of an event. Raises `Forbidden` and `NotFound`.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1event_authroomideventid
    """
    room = await asked_room(ctx, tenant, origin, room_id)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        row = await _event(ctx, conn, tenant, origin, room, event_id)
        chain = await graph.auth_chain(conn, tenant, {row.event_nid})
        bodies = await events.bodies(conn, tenant, chain)
    return _raws(bodies, chain)


async def _state_and_chain(
    ctx: Context, conn: Connection, tenant: Tenant, origin: ServerName, room: LiveRoom, event_id: EventID
) -> tuple[set[int], set[int]]:
    row = await _event(ctx, conn, tenant, origin, room, event_id)
    if row.flags & OUTLIER:
        raise errors.NotFound("The state at that event is not known here")
    state = (await snapshots.read_states(conn, tenant, [row.snapshot_nid]))[row.snapshot_nid].numbers
    return state, await graph.auth_chain(conn, tenant, state)


async def _event(
    ctx: Context, conn: Connection, tenant: Tenant, origin: ServerName, room: LiveRoom, event_id: EventID
) -> EventRow:
    audience = await audience_of(ctx, conn, tenant, origin, room.room_nid)
    row = await events.find(conn, tenant, room.version, event_id)
    is_here = row is not None and row.room_nid == room.room_nid and not row.flags & REJECTED
    if row is None or not is_here:
        raise (
            errors.NotFound("Event not found")
            if audience.in_room
            else errors.Forbidden("You are not in this room")
        )
    verdict = (await verdicts(conn, tenant, audience, room, [row]))[row.event_nid]
    if verdict is Verdict.HIDDEN:
        raise errors.Forbidden("You may not see this event")
    return row


def _raws(bodies: dict[int, bytes], nids: set[int]) -> list[Raw]:
    """In the order in which the events came here, so that what is cited comes first."""
    return [Raw(bodies[nid]) for nid in sorted(nids) if nid in bodies]
