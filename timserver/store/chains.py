"""Columns `chain_nid`, `chain_position`, `auth_vector` of table `event`: where state events stand, and what they reach.

What they mean says `core.chains`. A chain's number is that of its first event. Only who writes at the head of a room
may go on with a chain: the version of the head sees to it that no two do.
"""

from collections.abc import Iterable, Sequence

import msgspec

from timserver.core import Placed, Range
from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class _End(msgspec.Struct, frozen=True):
    position: int


_COLUMNS = "e.event_nid, coalesce(e.key_nid, 0), coalesce(e.chain_nid, 0), coalesce(e.chain_position, 0), e.auth_vector"
_PLACED = Statement(
    Placed, f"select {_COLUMNS} from event e where e.tenant_id = $1 and e.event_nid = any ($2::bigint[])"
)
_IN_RANGES = Statement(
    Placed,
    f"select {_COLUMNS} from unnest($3::bigint[], $4::bigint[], $5::bigint[]) as r (chain, after, upto)"
    " join event e on e.tenant_id = $1 and e.room_nid = $2 and e.chain_nid = r.chain"
    " and e.chain_position > r.after and e.chain_position <= r.upto",
)
_END = Statement(
    _End,
    "select coalesce(max(chain_position), 0) from event where tenant_id = $1 and room_nid = $2 and chain_nid = $3",
)


def columns_of(placed: Placed | None) -> tuple[int | None, int | None, bytes | None]:
    """As they are written; an event on no chain may have a vector."""
    if placed is None:
        return None, None, None
    return placed.chain or None, placed.position or None, placed.vector


async def placed(conn: Connection, tenant: Tenant, nids: Iterable[int]) -> dict[int, Placed]:
    """Where events stand, as far as that was worked out."""
    return {row.number: row for row in await _PLACED.all(conn, tenant, list(nids))}


async def in_ranges(conn: Connection, tenant: Tenant, room_nid: int, ranges: Sequence[Range]) -> list[Placed]:
    """All events of some stretches of chains."""
    return await _IN_RANGES.all(
        conn,
        tenant,
        room_nid,
        [chain for chain, _, _ in ranges],
        [after for _, after, _ in ranges],
        [upto for _, _, upto in ranges],
    )


async def end_of(conn: Connection, tenant: Tenant, room_nid: int, chain: int) -> int:
    """The last position of a chain."""
    row = await _END.one(conn, tenant, room_nid, chain)
    return row.position if row else 0
