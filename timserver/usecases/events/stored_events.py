"""Step: stored events of a room as values, from the room in memory or the database."""

from collections.abc import Iterable

import msgspec

from timserver.context import Context
from timserver.matrix import pdu
from timserver.matrix.event import Event, StateKey
from timserver.store import events, terms
from timserver.store.events import REJECTED
from timserver.store.graph import Node
from timserver.store.live_rooms import LiveRoom
from timserver.store.snapshots import RoomState
from timserver.tenancy import Tenant


async def parsed_events(
    ctx: Context, tenant: Tenant, room: LiveRoom, nodes: Iterable[Node]
) -> dict[int, Event]:
    """Stored events of the room's version, parsed; rejected ones say so."""
    nodes = list(nodes)
    found = await events_of(ctx, tenant, room, [node.event_nid for node in nodes])
    rejected = {node.event_nid for node in nodes if node.flags & REJECTED}
    return {
        nid: msgspec.structs.replace(event, rejected=True) if nid in rejected else event
        for nid, event in found.items()
    }


async def events_of(ctx: Context, tenant: Tenant, room: LiveRoom, nids: Iterable[int]) -> dict[int, Event]:
    """Stored state events by number, from the room in memory or the database."""
    wanted = set(nids)
    found = {nid: room.events[nid] for nid in wanted if nid in room.events}
    missing = list(wanted - found.keys())
    if missing:
        async with ctx.database.transaction(tenant) as conn:
            bodies = await events.bodies(conn, tenant, missing)
        for nid, body in bodies.items():
            found[nid] = pdu.parse(room.version, body)
            room.keep(nid, found[nid])
    return found


async def events_under(
    ctx: Context, tenant: Tenant, room: LiveRoom, state: RoomState, keys: Iterable[StateKey]
) -> dict[StateKey, Event]:
    """The events of a state under some keys."""
    wanted = list(keys)
    key_nids = await terms.key_nids(ctx.database, ctx.caches, tenant, wanted)
    held = state.values(key_nids)
    nids = {key: held[key_nid] for key, key_nid in zip(wanted, key_nids, strict=True) if key_nid in held}
    found = await events_of(ctx, tenant, room, nids.values())
    return {key: found[nid] for key, nid in nids.items()}
