"""Step: the member events that a client with lazily loaded members needs to show some events."""

from collections.abc import Iterable, Sequence

from timserver.store import events, snapshots
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.tenancy import Tenant


async def senders_members(
    conn: Connection, tenant: Tenant, at: EventRow, senders: Iterable[int]
) -> Sequence[EventRow]:
    """Of the state before the event `at`, or what it replaced, the member events of some users.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members
    """
    _, members, _ = (await snapshots.read_states(conn, tenant, [at.snapshot_nid]))[at.snapshot_nid]
    nids = [members[user_nid] for user_nid in set(senders) if user_nid in members]
    found = await events.by_nids(conn, tenant, nids) if nids else {}
    return sorted(found.values(), key=lambda row: row.position)
