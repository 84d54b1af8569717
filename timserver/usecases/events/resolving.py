"""Step: the state after several events, by state resolution on what differs (DESIGN 3, 4)."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from timserver import core
from timserver.context import Context
from timserver.matrix.event import StateKey
from timserver.matrix.event_types import EMPTY_KEY, POWER_LEVELS
from timserver.store import chains, graph, snapshots, terms
from timserver.store.database import Connection
from timserver.store.events import REJECTED
from timserver.store.graph import Node
from timserver.store.live_rooms import LiveRoom
from timserver.store.snapshots import RoomState
from timserver.tenancy import Tenant
from timserver.usecases.events.placing import placed_events, with_reach, with_reach_after

_LEVELS_KEY = POWER_LEVELS + EMPTY_KEY


async def states_after(
    ctx: Context, tenant: Tenant, room: LiveRoom, nodes: Sequence[Node]
) -> list[RoomState]:
    """The state after each of some events that are part of the room's history."""
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        before = await snapshots.read_states(conn, tenant, [node.snapshot_nid for node in nodes])
    states = [before[node.snapshot_nid] for node in nodes]
    changes = [(state, node) for state, node in zip(states, nodes, strict=True) if node.key_nid is not None]
    nids = {nid for state, node in changes for nid in (node.event_nid, state.get(node.key_nid or 0)) if nid}
    await placed_events(ctx, tenant, room, nids)  # of all at once
    return [await state_with(ctx, tenant, room, *pair) for pair in zip(states, nodes, strict=True)]


async def state_with(ctx: Context, tenant: Tenant, room: LiveRoom, state: RoomState, node: Node) -> RoomState:
    """The state after an event, from the one before it, and what it reaches."""
    after = with_event(state, node)
    if after is state or state.reach is None:
        return after
    removed = [nid] if (nid := state.get(node.key_nid or 0)) else []
    placed = (await placed_events(ctx, tenant, room, [node.event_nid, *removed])).get(node.event_nid)
    if placed is None:
        return after
    return await with_reach_after(ctx, tenant, room, (state, after), removed, [placed])


def with_event(state: RoomState, node: Node) -> RoomState:
    """The state after an event, from the one before it; one that was rejected changes nothing."""
    return state if node.flags & REJECTED else state.after(node.event_nid, node.type_nid, node.key_nid)


async def resolve_states(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    states: Sequence[RoomState],
    unwritten: Mapping[int, core.Stored] = MappingProxyType({}),
) -> RoomState:
    """The resolution of the states after the events that one event, or the room's future, follows.

    `unwritten` is the event that is being admitted, when it is part of a state and not yet in the database.
    """
    first = states[0]
    read = ctx.caches.read_events
    fork = core.fork(room.version, [state.flat for state in states])
    if not fork.numbers:
        return first
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        rows = {**unwritten, **await graph.stored(conn, read, tenant, room.version, fork.numbers)}
        more = await _rest_of_full_set(conn, tenant, room, states, (fork, rows), unwritten)
        rows |= await graph.stored(conn, read, tenant, room.version, set(more) - rows.keys())
    asked = await _asked(ctx, tenant, fork.asked_keys([rows[nid] for nid in more]), first)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        rows |= await graph.stored(conn, read, tenant, room.version, set(asked) - rows.keys())
        cited = fork.cited([rows[nid] for nid in asked])
        rows |= await graph.stored(conn, read, tenant, room.version, set(cited) - rows.keys())
        older_levels = await graph.older_levels(conn, tenant, rows, _LEVELS_KEY)
        older_levels |= _cited_levels(rows, unwritten)
    layer, newcomers = fork.resolve([rows[nid] for nid in cited], older_levels)
    held = first.values(newcomers) if newcomers else {}
    new = {key: nid for key, nid in newcomers.items() if key not in held}
    after = laid_over(first, fork.differing, layer | new, rows)
    if first.reach is None:
        return after
    reach = fork.reach_after(first.reach, set(new.values()))
    if reach is not None:
        return after.reaching((*first.reach, reach))
    return await with_reach(ctx, tenant, room, after)


async def _rest_of_full_set(
    conn: Connection,
    tenant: Tenant,
    room: LiveRoom,
    states: Sequence[RoomState],
    begun: tuple[core.Fork, Mapping[int, core.Stored]],
    unwritten: Mapping[int, core.Stored],
) -> list[int]:
    """The full conflicted set beyond what differs, by what the states reach; where that is not known by walking."""
    fork, rows = begun
    numbers = fork.numbers
    ranges = fork.ranges([state.reach for state in states], [rows[nid] for nid in numbers])
    if ranges == []:
        return []
    if ranges is not None:
        return fork.full_set(await chains.in_ranges(conn, tenant, room.room_nid, ranges))
    whole = [state.numbers for state in states]
    start = set().union(*whole, *(event.auth for event in unwritten.values()))
    links = await graph.auth_links(conn, tenant, start)
    links |= {nid: list(event.auth) for nid, event in unwritten.items()}
    return [*(core.walk(room.version, whole, numbers, links) - set(numbers))]


async def _asked(ctx: Context, tenant: Tenant, asked: Collection[StateKey], first: RoomState) -> list[int]:
    """The part of the unconflicted state that the algorithm asks for."""
    nids = await terms.key_nids(ctx.database, ctx.caches, tenant, [*asked])
    return [*first.values(nids).values()]


def _cited_levels(rows: Mapping[int, core.Stored], unwritten: Mapping[int, core.Stored]) -> dict[int, int]:
    return {
        nid: cited
        for nid, event in unwritten.items()
        for cited in event.auth
        if event.key == rows[cited].key == _LEVELS_KEY
    }


def laid_over(
    first: RoomState,
    differing: Mapping[int, Sequence[int]],
    layer: Mapping[int, int],
    rows: Mapping[int, core.Stored],
) -> RoomState:
    """The first state with what the resolution lays over it."""
    others, members = dict[int, int](), dict[int, int]()
    for key, nid in layer.items():
        told_by = nid or next(number for number in differing[key] if number)
        (members if rows[told_by].event_type == "m.room.member" else others)[key] = nid
    return first.over(others, members)
