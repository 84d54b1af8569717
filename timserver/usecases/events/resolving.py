"""Step: the state after several events, by state resolution on what differs (DESIGN 3, 4)."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from timserver import core
from timserver.context import Context
from timserver.matrix.event import StateKey
from timserver.matrix.event_types import EMPTY_KEY, MEMBER, POWER_LEVELS
from timserver.store import graph, snapshots, terms
from timserver.store.database import Connection
from timserver.store.events import REJECTED
from timserver.store.graph import Node
from timserver.store.live_rooms import LiveRoom
from timserver.store.snapshots import State
from timserver.tenancy import Tenant

RoomState = tuple[State, State]
"""(others, members): key number to event number."""

_LEVELS_KEY = POWER_LEVELS + EMPTY_KEY


async def states_after(conn: Connection, tenant: Tenant, nodes: Sequence[Node]) -> list[RoomState]:
    """The state after each of some events that are part of the room's history."""
    before = await snapshots.read_states(conn, tenant, [node.snapshot_nid for node in nodes])
    return [with_event(before[node.snapshot_nid], node) for node in nodes]


def with_event(state: RoomState, node: Node) -> RoomState:
    """The state after an event, from the one before it; one that was rejected changes nothing."""
    if node.key_nid is None or node.flags & REJECTED:
        return state
    others, members = state
    if node.type_nid == MEMBER:
        return others, {**members, node.key_nid: node.event_nid}
    return {**others, node.key_nid: node.event_nid}, members


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
    if all(state == first for state in states[1:]):
        return first
    differing = {
        **core.differing([[others] for others, _ in states]),
        **core.differing([[members] for _, members in states]),
    }
    conflicted = {nid for nids in differing.values() for nid in nids if nid}
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        full = await _full_set(conn, tenant, room, states, conflicted, unwritten)
        rows = {**unwritten, **await graph.stored(conn, tenant, room.version, full)}
    asked = await _asked(ctx, tenant, room, rows.values(), first, differing)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        rows |= await graph.stored(conn, tenant, room.version, set(asked.values()) - set(rows))
        cited = {nid for row in rows.values() for nid in row.auth}
        rows |= await graph.stored(conn, tenant, room.version, cited - set(rows))
        older_levels = await graph.older_levels(conn, tenant, rows, _LEVELS_KEY)
        older_levels |= _cited_levels(rows, unwritten)
    resolved = core.resolve_fork(room.version, differing, full, asked, rows, older_levels)
    return _changed(first, states, differing, resolved)


async def _full_set(
    conn: Connection,
    tenant: Tenant,
    room: LiveRoom,
    states: Sequence[RoomState],
    conflicted: set[int],
    unwritten: Mapping[int, core.Stored],
) -> set[int]:
    """The full conflicted set, found by walking the auth chains."""
    whole = [{*others.values(), *members.values()} for others, members in states]
    start = set().union(*whole, *(event.auth for event in unwritten.values()))
    links = await graph.auth_links(conn, tenant, start)
    links |= {nid: list(event.auth) for nid, event in unwritten.items()}
    return core.walk(room.version, whole, conflicted, links)


async def _asked(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    full: Iterable[core.Stored],
    first: RoomState,
    differing: Mapping[int, object],
) -> dict[StateKey, int]:
    """The part of the unconflicted state that the algorithm asks for."""
    keys = sorted(core.asked_keys(room.version, full))
    nids = await terms.key_nids(ctx.database, ctx.caches, tenant, keys)
    found = {}
    for key, key_nid in zip(keys, nids, strict=True):
        nid = first[1 if key[0] == "m.room.member" else 0].get(key_nid)
        if nid and key_nid not in differing:
            found[key] = nid
    return found


def _cited_levels(rows: Mapping[int, core.Stored], unwritten: Mapping[int, core.Stored]) -> dict[int, int]:
    return {
        nid: cited
        for nid, event in unwritten.items()
        for cited in event.auth
        if event.key == rows[cited].key == _LEVELS_KEY
    }


def _changed(
    first: RoomState,
    states: Sequence[RoomState],
    differing: Mapping[int, Sequence[int]],
    resolved: Mapping[int, int],
) -> RoomState:
    """The first state with what the resolution says of the keys that differ."""
    others, members = dict(first[0]), dict(first[1])
    member_keys = set().union(*(members.keys() & differing.keys() for _, members in states))
    for key, nid in core.layer_over(differing, resolved).items():
        target = members if key in member_keys else others
        if nid:
            target[key] = nid
        else:
            target.pop(key, None)
    return others, members


def change_of(before: RoomState, after: RoomState) -> RoomState:
    """What must be written over one state to make it the other: 0 takes a key away."""
    return _delta(before[0], after[0]), _delta(before[1], after[1])


def _delta(before: State, after: State) -> State:
    if before is after:
        return {}
    changed = {key: nid for key, nid in after.items() if before.get(key) != nid}
    return changed | {key: 0 for key in before if key not in after}
