"""Table `snapshot`: states as packed deltas against a base, at most two hops (DESIGN 3).

A full snapshot has no base; a middle one holds what changed since the full one, a leaf what changed since the middle
one. Leaves stay short, middles below a quarter of the full one. 0 is the empty state and has no row.
"""

import operator
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from timserver import core
from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

LEAF_ENTRIES_MAX = 32
MIDDLE_ENTRIES_MIN = 64

State = dict[int, int]
"""Key number to event number; an event number of 0 takes the key away."""


class RoomState(NamedTuple):
    """A whole state, and in layers what its events reach (`core.chains`); None when that is not known."""

    others: State
    members: State
    reach: tuple[bytes | Mapping[int, int], ...] | None = None

    def part(self, event_type: str) -> State:
        """The part of the state that has events of a type."""
        return self.members if event_type == "m.room.member" else self.others


class Change(NamedTuple):
    """What is written over a state: 0 takes a key, or a chain, away. `reach` None: it cannot be told."""

    others: State
    members: State
    reach: State | None


class SnapshotRow(msgspec.Struct, frozen=True):
    """A row to write, or read."""

    snapshot_nid: int
    base_nid: int | None
    others: bytes
    members: bytes
    reach: bytes | None


class Chain(msgspec.Struct, frozen=True):
    """Where a room's newest snapshot stands: what a next one can be written against."""

    nid: int = 0
    full_nid: int = 0
    full_entries: int = 0
    middle_nid: int = 0
    middle: tuple[State, State] = ({}, {})
    leaf: tuple[State, State] = ({}, {})
    reach: tuple[State, State, State] | None = ({}, {}, {})
    """What the state reaches, as the full, the middle and the leaf snapshot have it; None when it is not known."""


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


def extend(chain: Chain, nid: int, change: Change, full: RoomState) -> tuple[SnapshotRow, Chain]:
    """The snapshot after a change; of `full`, the whole state after it, only the state is looked at."""
    leaf = ({**chain.leaf[0], **change.others}, {**chain.leaf[1], **change.members})
    reach = None
    if chain.reach is not None and change.reach is not None:
        reach = (chain.reach[0], chain.reach[1], {**chain.reach[2], **change.reach})
    if len(leaf[0]) + len(leaf[1]) <= LEAF_ENTRIES_MAX:
        base = chain.middle_nid or chain.full_nid
        row = _row(nid, base, leaf, reach[2] if reach else None)
        return row, msgspec.structs.replace(chain, nid=nid, leaf=leaf, reach=reach)
    middle = ({**chain.middle[0], **leaf[0]}, {**chain.middle[1], **leaf[1]})
    if len(middle[0]) + len(middle[1]) <= max(MIDDLE_ENTRIES_MIN, chain.full_entries // 4):
        reach = (reach[0], {**reach[1], **reach[2]}, {}) if reach else None
        fresh = msgspec.structs.replace(
            chain, nid=nid, middle_nid=nid, middle=middle, leaf=({}, {}), reach=reach
        )
        return _row(nid, chain.full_nid, middle, reach[1] if reach else None), fresh
    entries = len(full.others) + len(full.members)
    reach = (_present({**reach[0], **reach[1], **reach[2]}), {}, {}) if reach else None
    row = _row(nid, 0, (full.others, full.members), reach[0] if reach else None)
    return row, Chain(nid=nid, full_nid=nid, full_entries=entries, reach=reach)


def change_of(before: RoomState, after: RoomState) -> Change:
    """What must be written over one state to make it the other."""
    return Change(
        _delta(before.others, after.others),
        _delta(before.members, after.members),
        reach_change(before, after),
    )


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
    return _delta(core.merged(before.reach), core.merged(after.reach))


def _delta(before: State, after: State) -> State:
    if before is after:
        return {}
    changed = {key: nid for key, nid in after.items() if before.get(key) != nid}
    return changed | {key: 0 for key in before if key not in after}


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
    full_nid = full_entries = 0
    known = all(row.reach is not None for row in rows)
    parts: list[State] = [{}, {}, {}]
    if rows[0].base_nid is None and (len(rows) > 1 or not _is_leaf(rows[0])):
        full = _unpack(rows[0])
        full_nid, full_entries = rows[0].snapshot_nid, len(full[0]) + len(full[1])
        parts[0] = _unpack_reach(rows[0])
        rows = rows[1:]
    chain = Chain(snapshot_nid, full_nid, full_entries)
    if rows and (len(rows) == 2 or not _is_leaf(rows[0])):
        chain = msgspec.structs.replace(chain, middle_nid=rows[0].snapshot_nid, middle=_unpack(rows[0]))
        parts[1] = _unpack_reach(rows[0])
        rows = rows[1:]
    if rows:
        chain = msgspec.structs.replace(chain, leaf=_unpack(rows[0]))
        parts[2] = _unpack_reach(rows[0])
    return msgspec.structs.replace(chain, reach=(parts[0], parts[1], parts[2]) if known else None)


def _unpack_reach(row: SnapshotRow) -> State:
    return core.unpack_state(row.reach) if row.reach is not None else {}


def _is_leaf(row: SnapshotRow) -> bool:
    state = _unpack(row)
    return len(state[0]) + len(state[1]) <= LEAF_ENTRIES_MAX


async def read_states(conn: Connection, tenant: Tenant, snapshot_nids: Iterable[int]) -> dict[int, RoomState]:
    """Whole states of some snapshots."""
    wanted = sorted(set(snapshot_nids) - {0})
    states = {0: RoomState({}, {}, ())}
    if not wanted:
        return states
    rows = {row.snapshot_nid: row for row in await _CHAINS.all(conn, tenant, wanted)}
    for nid in wanted:
        others: State = {}
        members: State = {}
        layers = _to_base(rows, nid)[::-1]
        reach = tuple(row.reach for row in layers if row.reach is not None)
        for row in layers:
            change = _unpack(row)
            others |= change[0]
            members |= change[1]
        known = reach if len(reach) == len(layers) else None
        states[nid] = RoomState(_present(others), _present(members), known)
    return states


def _to_base(rows: dict[int, SnapshotRow], nid: int | None) -> list[SnapshotRow]:
    found = []
    while nid:
        found.append(rows[nid])
        nid = rows[nid].base_nid
    return found


def _present(state: State) -> State:
    return {key: event for key, event in state.items() if event}
