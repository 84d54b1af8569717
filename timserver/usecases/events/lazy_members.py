"""Step: the member events that a client with lazily loaded members needs to show some events."""

from collections.abc import Sequence

from timserver.matrix.event_types import MEMBER
from timserver.store import events, snapshots
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.tenancy import Tenant


async def senders_members(conn: Connection, tenant: Tenant, shown: Sequence[EventRow]) -> Sequence[EventRow]:
    """The member events of the senders of some events (one at least): as they were before the oldest of these, or
    what that replaced; of who came later, as they were after the newest.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members
    """
    oldest = min(shown, key=lambda row: row.position)
    newest = max(shown, key=lambda row: row.position)
    wanted = {row.sender_nid for row in shown}
    states = await snapshots.read_states(conn, tenant, {oldest.snapshot_nid, newest.snapshot_nid})
    before, after = (states[row.snapshot_nid].values(wanted) for row in (oldest, newest))
    if newest.type_nid == MEMBER and newest.key_nid is not None:
        after[newest.key_nid] = newest.event_nid
    known = {**after, **before}
    nids = [known[user_nid] for user_nid in wanted if user_nid in known]
    found = await events.by_nids(conn, tenant, nids) if nids else {}
    return sorted(found.values(), key=lambda row: row.position)
