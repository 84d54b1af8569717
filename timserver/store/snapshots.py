"""Table `snapshot`: states as packed deltas against a base, at most two hops (DESIGN 3).

A full snapshot has no base; a middle one holds what changed since the full one, a leaf what changed since the middle
one. Leaves stay short, middles below a quarter of the full one. 0 is the empty state and has no row.
"""

from collections.abc import Iterable

import msgspec

from timserver import core
from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

LEAF_ENTRIES_MAX = 32
MIDDLE_ENTRIES_MIN = 64

State = dict[int, int]
"""Key number to event number; an event number of 0 takes the key away."""


class SnapshotRow(msgspec.Struct, frozen=True):
    """A row to write, or read."""

    snapshot_nid: int
    base_nid: int | None
    others: bytes
    members: bytes


class Chain(msgspec.Struct, frozen=True):
    """Where a room's newest snapshot stands: what a next one can be written against."""

    nid: int = 0
    full_nid: int = 0
    full_entries: int = 0
    middle_nid: int = 0
    middle: tuple[State, State] = ({}, {})
    leaf: tuple[State, State] = ({}, {})


_CHAIN = Statement(
    SnapshotRow,
    "with recursive chain as ("
    " select snapshot_nid, base_nid, others, members, 0 as hop from snapshot where tenant_id = $1 and snapshot_nid = $2"
    " union all select s.snapshot_nid, s.base_nid, s.others, s.members, c.hop + 1 from chain c"
    " join snapshot s on s.tenant_id = $1 and s.snapshot_nid = c.base_nid)"
    " select snapshot_nid, base_nid, others, members from chain order by hop desc",
)
_CHAINS = Statement(
    SnapshotRow,
    "with recursive chain as ("
    " select snapshot_nid, base_nid, others, members from snapshot where tenant_id = $1"
    " and snapshot_nid = any ($2::bigint[])"
    " union select s.snapshot_nid, s.base_nid, s.others, s.members from chain c"
    " join snapshot s on s.tenant_id = $1 and s.snapshot_nid = c.base_nid)"
    " select snapshot_nid, base_nid, others, members from chain",
)


def extend(
    chain: Chain, nid: int, change: tuple[State, State], full: tuple[State, State]
) -> tuple[SnapshotRow, Chain]:
    """The snapshot after a change; `full` is the whole state after it, (others, members)."""
    leaf = ({**chain.leaf[0], **change[0]}, {**chain.leaf[1], **change[1]})
    if len(leaf[0]) + len(leaf[1]) <= LEAF_ENTRIES_MAX:
        base = chain.middle_nid or chain.full_nid
        return _row(nid, base, leaf), msgspec.structs.replace(chain, nid=nid, leaf=leaf)
    middle = ({**chain.middle[0], **leaf[0]}, {**chain.middle[1], **leaf[1]})
    if len(middle[0]) + len(middle[1]) <= max(MIDDLE_ENTRIES_MIN, chain.full_entries // 4):
        fresh = msgspec.structs.replace(chain, nid=nid, middle_nid=nid, middle=middle, leaf=({}, {}))
        return _row(nid, chain.full_nid, middle), fresh
    entries = len(full[0]) + len(full[1])
    return _row(nid, 0, full), Chain(nid=nid, full_nid=nid, full_entries=entries)


def _row(nid: int, base: int, state: tuple[State, State]) -> SnapshotRow:
    return SnapshotRow(nid, base or None, core.pack_state(state[0]), core.pack_state(state[1]))


def _unpack(row: SnapshotRow) -> tuple[State, State]:
    return core.unpack_state(row.others), core.unpack_state(row.members)


async def read_chain(conn: Connection, tenant: Tenant, snapshot_nid: int) -> Chain:
    """The chain that ends in a snapshot, to go on from there."""
    rows = await _CHAIN.all(conn, tenant, snapshot_nid) if snapshot_nid else []
    if not rows:
        return Chain()
    full_nid = full_entries = 0
    if rows[0].base_nid is None and (len(rows) > 1 or not _is_leaf(rows[0])):
        full = _unpack(rows[0])
        full_nid, full_entries = rows[0].snapshot_nid, len(full[0]) + len(full[1])
        rows = rows[1:]
    chain = Chain(snapshot_nid, full_nid, full_entries)
    if not rows:
        return chain
    if len(rows) == 2 or not _is_leaf(rows[0]):
        chain = msgspec.structs.replace(chain, middle_nid=rows[0].snapshot_nid, middle=_unpack(rows[0]))
        rows = rows[1:]
    return msgspec.structs.replace(chain, leaf=_unpack(rows[0])) if rows else chain


def _is_leaf(row: SnapshotRow) -> bool:
    state = _unpack(row)
    return len(state[0]) + len(state[1]) <= LEAF_ENTRIES_MAX


async def read_states(
    conn: Connection, tenant: Tenant, snapshot_nids: Iterable[int]
) -> dict[int, tuple[State, State]]:
    """Whole states, (others, members), of some snapshots."""
    wanted = sorted(set(snapshot_nids) - {0})
    states: dict[int, tuple[State, State]] = {0: ({}, {})}
    if not wanted:
        return states
    rows = {row.snapshot_nid: row for row in await _CHAINS.all(conn, tenant, wanted)}
    for nid in wanted:
        others: State = {}
        members: State = {}
        for row in reversed(_to_base(rows, nid)):
            change = _unpack(row)
            others |= change[0]
            members |= change[1]
        states[nid] = (_present(others), _present(members))
    return states


def _to_base(rows: dict[int, SnapshotRow], nid: int | None) -> list[SnapshotRow]:
    found = []
    while nid:
        found.append(rows[nid])
        nid = rows[nid].base_nid
    return found


def _present(state: State) -> State:
    return {key: event for key, event in state.items() if event}
