"""Step: the ends of a room, which its next event follows, and the state after them: the current one.

An event is an end until another one follows it, be it through events that failed softly or by closing a gap: ends
that nobody sees any more would pull the current state back to theirs.
"""

from collections.abc import Iterable

import msgspec

from timserver.context import Context
from timserver.core import Stored
from timserver.matrix.ids import EventID
from timserver.matrix.pdu import PREV_EVENTS_MAX
from timserver.store import graph
from timserver.store.events import REJECTED, SOFT_FAILED
from timserver.store.graph import Node
from timserver.store.live_rooms import LiveRoom
from timserver.store.snapshots import RoomState
from timserver.tenancy import Tenant
from timserver.usecases.events.resolving import resolve_states, state_with, states_after

EXTREMITIES_MAX = PREV_EVENTS_MAX
"""Of a room, so that one event follows them all: the state before it is the state after these, here as elsewhere. When
servers make more at once, the newest are kept (RELIABILITY E9).
"""


class End(msgspec.Struct, frozen=True):
    """An event that becomes an end and is not written yet; `stored` if it is state."""

    node: Node
    before: RoomState
    stored: Stored | None


def part(node: Node) -> tuple[int, int]:
    """What tells the state after an event: a snapshot, and the event if it changes it."""
    changes = node.key_nid is not None and not node.flags & REJECTED
    return node.snapshot_nid, node.event_nid if changes else 0


async def others(
    ctx: Context, tenant: Tenant, room: LiveRoom, prev: Iterable[Node]
) -> list[tuple[int, EventID]]:
    """The ends that an event does not follow."""
    followed = {node.event_nid for node in prev}
    failed = [node.event_nid for node in prev if node.flags & (REJECTED | SOFT_FAILED)]
    if failed:
        async with ctx.database.transaction(tenant, snapshot=True) as conn:
            followed |= await graph.followed_by_failed(conn, tenant, failed)
    left = [entry for entry in room.extremities if entry[0] not in followed]
    return left[-(EXTREMITIES_MAX - 1) :]


async def current_state(
    ctx: Context, tenant: Tenant, room: LiveRoom, written: list[tuple[int, EventID]], end: End | None
) -> RoomState:
    """The state after the ends that are written, and after one that is not."""
    nodes: dict[int, Node] = {}
    if written:
        async with ctx.database.transaction(tenant, snapshot=True) as conn:
            nodes = await graph.nodes_of(conn, tenant, [nid for nid, _ in written])
    return await state_after(ctx, tenant, room, nodes.values(), end)


async def state_after(
    ctx: Context, tenant: Tenant, room: LiveRoom, nodes: Iterable[Node], end: End | None = None
) -> RoomState:
    """The state after some events, and after an end that is not written, resolved.

    Remembered by what it is made of: a message changes nothing while the others stay.
    """
    parts = {part(node): node for node in nodes}
    states, own_parts = [], set[tuple[int, int]]()
    if end is not None:
        states, own_parts = [await state_with(ctx, tenant, room, end.before, end.node)], {part(end.node)}
        parts = {which: node for which, node in parts.items() if which not in own_parts}
        if not parts:
            return states[0]
    key = (tenant.tenant_id, room.room_nid, tuple(sorted(own_parts.union(parts))))
    known = ctx.caches.resolutions.get(key)
    if known is None:
        states = [*await states_after(ctx, tenant, room, list(parts.values())), *states]
        unwritten = {end.node.event_nid: end.stored} if end and end.stored is not None else {}
        known = await resolve_states(ctx, tenant, room, states, unwritten)
        ctx.caches.resolutions.put(key, known)
    return known
