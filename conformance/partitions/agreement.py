"""Do the servers of a room agree, and has everything that was confirmed arrived? Read from their databases."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conformance.partitions.network import Server
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.store.events import BACKFILLED, OUTLIER, REJECTED, SOFT_FAILED, event_key

_ROOM = """
    select r.room_nid, r.room_version, h.extremities from room r
    join room_head h on h.tenant_id = r.tenant_id and h.room_nid = r.room_nid
    where r.tenant_id = $1 and r.room_id = $2"""
_EVENTS = "select event_nid, event_hash, flags from event where tenant_id = $1 and room_nid = $2"
_STATE = """
    select e.event_hash from current_state s join event e on e.tenant_id = s.tenant_id and e.event_nid = s.event_nid
    where s.tenant_id = $1 and s.room_nid = $2"""
_WAITING = """
    select (select count(*) from inbox where tenant_id = $1)
        + (select count(*) from destination where tenant_id = $1
            and (wanted_position > sent_position or catch_up_to is not null or behind))
        + (select count(*) from sending where tenant_id = $1 and due_ts is not null)"""


@dataclass(frozen=True)
class View:
    """One server's view of a room."""

    version: str
    state: frozenset[bytes]
    extremities: frozenset[bytes]
    events: Mapping[bytes, int]
    """Their flags, without outliers."""
    waiting: int
    """Transactions and events that wait."""

    @property
    def state_hash(self) -> str:
        """The same for the same current state, event ids included."""
        return hashlib.sha256(b"".join(sorted(self.state))).hexdigest()[:16]

    def count(self, flag: int) -> int:
        """Events with a flag."""
        return sum(bool(flags & flag) for flags in self.events.values())

    @property
    def rejected(self) -> frozenset[bytes]:
        """Events that the rules of the room do not allow."""
        return frozenset(key for key, flags in self.events.items() if flags & REJECTED)


async def view(server: Server, room: str) -> View:
    """What a server has now, from one state of its database."""
    tenant_id = server.tenant.tenant_id
    async with (
        server.database.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        found = await connection.fetchrow(_ROOM, tenant_id, room)
        rows = await connection.fetch(_EVENTS, tenant_id, found["room_nid"])
        state = await connection.fetch(_STATE, tenant_id, found["room_nid"])
        waiting = await connection.fetchval(_WAITING, tenant_id)
    hashes = {row["event_nid"]: row["event_hash"] for row in rows}
    return View(
        found["room_version"],
        frozenset(row["event_hash"] for row in state),
        frozenset(hashes[nid] for nid in found["extremities"]),
        {row["event_hash"]: row["flags"] for row in rows if not row["flags"] & OUTLIER},
        waiting,
    )


async def views(servers: Sequence[Server], room: str) -> list[View]:
    """Of all servers."""
    return [await view(server, room) for server in servers]


def differences_of_state(found: Sequence[View]) -> list[str]:
    """Where the current states differ, and what still waits."""
    first = found[0]
    wrong = []
    for place, one in enumerate(found):
        if one.waiting:
            wrong.append(f"s{place}: {one.waiting} wait")
        if one.state != first.state:
            differing = len(one.state ^ first.state)
            wrong.append(f"s{place}: state {one.state_hash} is not {first.state_hash} ({differing} entries)")
    return wrong


def differences(found: Sequence[View], before: frozenset[bytes]) -> list[str]:
    """In what the servers do not agree, except for their extremities and for what was before all had joined."""
    first, everything = found[0], set[bytes]().union(*(one.events for one in found)) - before
    wrong = differences_of_state(found)
    for place, one in enumerate(found):
        if missing := everything - one.events.keys():
            wrong.append(f"s{place}: {len(missing)} of {len(everything)} events missing")
        if one.rejected != first.rejected:
            wrong.append(f"s{place}: rejects {len(one.rejected ^ first.rejected)} events differently")
    return wrong


def lost(found: Sequence[View], acknowledged: Mapping[str, str], before: frozenset[bytes]) -> list[str]:
    """Confirmed events (with who was told what) that some server does not have, except for those from before."""
    version = ROOM_VERSIONS[found[0].version]
    keys = {event_key(version, EventID(event_id)): event_id for event_id in acknowledged}
    return [
        f"{event_id} ({acknowledged[event_id]}), is at {[key in one.events for one in found]}"
        for key, event_id in keys.items()
        if key not in before and not all(key in one.events for one in found)
    ]


def summary(found: Sequence[View]) -> str:
    """A line for people."""
    one = found[0]
    return (
        f"{len(one.events)} events ({max(v.count(SOFT_FAILED) for v in found)} soft-failed,"
        f" {one.count(REJECTED)} rejected, {max(v.count(BACKFILLED) for v in found)} backfilled)"
    )
