"""Table `snapshot`: states as packed deltas against a base, at most two hops (DESIGN 3).

A full snapshot has no base; a middle one holds what changed since the full one, a leaf what changed since the middle
one. Leaves stay short, middles below a quarter of the full one. 0 is the empty state and has no row.
"""

import operator
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

import msgspec

from timserver import core
from timserver.matrix.event_types import MEMBER
from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

LEAF_ENTRIES_MAX = 32
MIDDLE_ENTRIES_MIN = 64

State = dict[int, int]
"""Key number to event number; an event number of 0 takes the key away."""

Pair = tuple[core.Layer, core.Layer]
"""A layer of a state: of what is no member event, and of member events. The two have no key in common."""

Reach = tuple[core.Layer, ...]
"""In layers, what the events of a state reach (`core.chains`)."""


class RoomState:
    """A state in layers, as the snapshots have it. Those that come from one another share the lower layers, and are
    compared by what lies above: a change costs what it changes, however many members there are.
    """

    __slots__ = ("_members", "_others", "layers", "reach")

    def __init__(self, layers: tuple[Pair, ...], reach: Reach | None = None) -> None:
        self.layers = layers
        self.reach = reach
        """None when it is not known."""
        self._others: State | None = None
        self._members: State | None = None

    @classmethod
    def whole(cls, others: State, members: State) -> Self:
        """One that shares nothing with others; what it reaches is not known."""
        return cls(((others, members),))

    def reaching(self, reach: Reach) -> "RoomState":
        """The same state, and what it reaches."""
        return RoomState(self.layers, reach)

    def over(self, others: State, members: State) -> "RoomState":
        """The state with a change laid over it; what that one reaches is not known."""
        if self.layers:
            top_others, top_members = self.layers[-1]
            if isinstance(top_others, dict) and isinstance(top_members, dict):
                top = {**top_others, **others}, {**top_members, **members}
                if len(top[0]) + len(top[1]) <= LEAF_ENTRIES_MAX:
                    return RoomState((*self.layers[:-1], top))
        return RoomState((*self.layers, (others, members)))

    def after(self, event_nid: int, type_nid: int, key_nid: int | None) -> "RoomState":
        """The state after an event of a type, by its key if it is state; what it reaches is not known if it changes."""
        if key_nid is None:
            return self
        change = {key_nid: event_nid}
        return self.over({}, change) if type_nid == MEMBER else self.over(change, {})

    @property
    def flat(self) -> list[core.Layer]:
        """For the core: of two layers beside each other that of the many members is the lower one."""
        return [layer for others, members in self.layers for layer in (members, others)]

    @property
    def others(self) -> State:
        """All that is no member event; not to be changed."""
        if self._others is None:
            self._others = core.merged([others for others, _ in self.layers])
        return self._others

    @property
    def members(self) -> State:
        """All member events; not to be changed."""
        if self._members is None:
            self._members = core.merged([members for _, members in self.layers])
        return self._members

    @property
    def numbers(self) -> set[int]:
        """Of all events."""
        return {*self.others.values(), *self.members.values()}

    def values(self, keys: Iterable[int]) -> State:
        """The events of some keys, as far as the state has them."""
        return core.values(self.flat, keys)

    def get(self, key: int) -> int:
        """The event of a key, 0 for none."""
        return self.values([key]).get(key, 0)


class Change(NamedTuple):
    """What is written over a state: 0 takes a key, or a chain, away. `reach` None: it cannot be told."""

    others: State
    members: State
    reach: State | None

    @property
    def is_of_state(self) -> bool:
        """Is there another event, or one less?"""
        return bool(self.others or self.members)


class SnapshotRow(msgspec.Struct, frozen=True):
    """A row to write, or read."""

    snapshot_nid: int
    base_nid: int | None
    others: bytes
    members: bytes
    reach: bytes | None


_NOTHING: Final = core.pack_state({})


class Chain(msgspec.Struct, frozen=True):
    """Where a room's newest snapshot stands: what a next one can be written against."""

    nid: int = 0
    full_nid: int = 0
    full_entries: int = 0
    full: tuple[bytes, bytes] = (_NOTHING, _NOTHING)
    middle_nid: int = 0
    middle: tuple[bytes, bytes] = (_NOTHING, _NOTHING)
    leaf: tuple[State, State] = ({}, {})
    reach: tuple[bytes, bytes, State] | None = (_NOTHING, _NOTHING, {})
    """What the state reaches, as the full, the middle and the leaf snapshot have it; None when it is not known."""

    @property
    def state(self) -> RoomState:
        """The state of the newest snapshot."""
        below = [(self.full_nid, self.full), (self.middle_nid, self.middle)]
        return RoomState((*(layer for nid, layer in below if nid), self.leaf), self.reach)


_CHAIN = Statement(
    SnapshotRow,
    "with recursive chain as ("
    " select snapshot_nid, base_nid, others, members, reach, 0 as hop from snapshot where tenant_id = $1 and snapshot_nid = $2"
    " union all select s.snapshot_nid, s.base_nid, s.others, s.members, s.reach, c.hop + 1 from chain c"
    " join snapshot s on s.tenant_id = $1 and s.snapshot_nid = c.base_nid)"
    " select snapshot_nid, base_nid, others, members, reach from chain order by hop desc",
)
_CHAINS = Statement(
    SnapshotRow,
    "with recursive chain as ("
    " select snapshot_nid, base_nid, others, members, reach from snapshot where tenant_id = $1"
    " and snapshot_nid = any ($2::bigint[])"
    " union select s.snapshot_nid, s.base_nid, s.others, s.members, s.reach from chain c"
    " join snapshot s on s.tenant_id = $1 and s.snapshot_nid = c.base_nid)"
    " select snapshot_nid, base_nid, others, members, reach from chain",
)


def extend(chain: Chain, nid: int, change: Change) -> tuple[SnapshotRow, Chain]:
    """The snapshot after a change of the chain's state."""
    leaf = ({**chain.leaf[0], **change.others}, {**chain.leaf[1], **change.members})
    reach = None
    if chain.reach is not None and change.reach is not None:
        reach = (chain.reach[0], chain.reach[1], {**chain.reach[2], **change.reach})
    if len(leaf[0]) + len(leaf[1]) <= LEAF_ENTRIES_MAX:
        base = chain.middle_nid or chain.full_nid
        row = _row(nid, base, leaf, reach[2] if reach else None)
        return row, msgspec.structs.replace(chain, nid=nid, leaf=leaf, reach=reach)
    middle = (_laid_over(chain.middle[0], leaf[0]), _laid_over(chain.middle[1], leaf[1]))
    if len(middle[0]) + len(middle[1]) <= max(MIDDLE_ENTRIES_MIN, chain.full_entries // 4):
        row = _row(nid, chain.full_nid, middle, _laid_over(reach[1], reach[2]) if reach else None)
        fresh = msgspec.structs.replace(
            chain,
            nid=nid,
            middle_nid=nid,
            middle=(row.others, row.members),
            leaf=({}, {}),
            reach=(reach[0], row.reach, {}) if reach and row.reach is not None else None,
        )
        return row, fresh
    full = RoomState(((chain.full[0], chain.full[1]), middle))
    entries = len(full.others) + len(full.members)
    row = _row(nid, 0, (full.others, full.members), core.merged(reach) if reach else None)
    return row, Chain(
        nid=nid,
        full_nid=nid,
        full_entries=entries,
        full=(row.others, row.members),
        reach=(row.reach, _NOTHING, {}) if row.reach is not None else None,
    )


def _laid_over(below: bytes, above: State) -> State:
    return {**core.unpack_state(below), **above}


def change_of(before: RoomState, after: RoomState) -> Change:
    """What must be written over one state to make it the other."""
    if before.layers is after.layers:
        return Change({}, {}, reach_change(before, after))
    others, members = (
        core.changes([pair[side] for pair in before.layers], [pair[side] for pair in after.layers])
        for side in (0, 1)
    )
    return Change(others, members, reach_change(before, after))


def reach_change(before: RoomState, after: RoomState) -> State | None:
    """The part of `change_of` that is about what the states reach."""
    if before.reach is None or after.reach is None:
        return None
    shared = len(before.reach)
    if len(after.reach) >= shared and all(map(operator.is_, before.reach, after.reach)):
        change: State = {}
        for layer in after.reach[shared:]:
            change |= core.unpack_state(layer) if isinstance(layer, bytes) else layer
        return change
    return core.changes(before.reach, after.reach)


def _row(nid: int, base: int, state: tuple[State, State], reach: State | None) -> SnapshotRow:
    others, members = map(core.pack_state, state)
    return SnapshotRow(nid, base or None, others, members, None if reach is None else core.pack_state(reach))


def _unpack(row: SnapshotRow) -> tuple[State, State]:
    return core.unpack_state(row.others), core.unpack_state(row.members)


async def read_chain(conn: Connection, tenant: Tenant, snapshot_nid: int) -> Chain:
    """The chain that ends in a snapshot, to go on from there."""
    rows = await _CHAIN.all(conn, tenant, snapshot_nid) if snapshot_nid else []
    if not rows:
        return Chain()
    is_known = all(row.reach is not None for row in rows)
    chain = Chain(snapshot_nid)
    reach = [_NOTHING, _NOTHING]
    if len(rows) > 1 or not _is_leaf(rows[0]):
        full, *rows = rows
        chain = msgspec.structs.replace(
            chain,
            full_nid=full.snapshot_nid,
            full_entries=_entries(full),
            full=(full.others, full.members),
        )
        reach[0] = full.reach or _NOTHING
    if rows and (len(rows) == 2 or not _is_leaf(rows[0])):
        middle, *rows = rows
        chain = msgspec.structs.replace(
            chain, middle_nid=middle.snapshot_nid, middle=(middle.others, middle.members)
        )
        reach[1] = middle.reach or _NOTHING
    leaf = (core.unpack_state(rows[0].others), core.unpack_state(rows[0].members)) if rows else ({}, {})
    top = core.unpack_state(rows[0].reach or _NOTHING) if rows else {}
    return msgspec.structs.replace(chain, leaf=leaf, reach=(reach[0], reach[1], top) if is_known else None)


def _is_leaf(row: SnapshotRow) -> bool:
    return _entries(row) <= LEAF_ENTRIES_MAX


def _entries(row: SnapshotRow) -> int:
    return len(core.unpack_state(row.others)) + len(core.unpack_state(row.members))


async def read_states(conn: Connection, tenant: Tenant, snapshot_nids: Iterable[int]) -> dict[int, RoomState]:
    """The states of some snapshots."""
    wanted = sorted(set(snapshot_nids) - {0})
    states = {0: RoomState((), ())}
    if not wanted:
        return states
    rows = {row.snapshot_nid: row for row in await _CHAINS.all(conn, tenant, wanted)}
    for nid in wanted:
        found = _to_base(rows, nid)[::-1]
        reach = tuple(row.reach for row in found if row.reach is not None)
        layers = tuple((row.others, row.members) for row in found)
        states[nid] = RoomState(layers, reach if len(reach) == len(found) else None)
    return states


def _to_base(rows: dict[int, SnapshotRow], nid: int | None) -> list[SnapshotRow]:
    found = []
    while nid:
        found.append(rows[nid])
        nid = rows[nid].base_nid
    return found
