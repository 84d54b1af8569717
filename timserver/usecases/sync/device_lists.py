"""Pure and read parts: whose device lists a client must look at because of who came and went.

Spec: https://spec.matrix.org/v1.19/client-server-api/#tracking-the-device-list-for-a-user
"""

from collections.abc import Sequence

from timserver.store import rooms, sync_reads
from timserver.store.database import Connection
from timserver.store.live_rooms import JOIN
from timserver.store.rooms import UserRoomRow
from timserver.tenancy import Tenant
from timserver.usecases.sync.asked import Asked, Window


async def device_list_changes(
    conn: Connection,
    tenant: Tenant,
    asked: Asked,
    window: Window,
    memberships: Sequence[UserRoomRow],
    planned: Sequence[UserRoomRow],
) -> tuple[set[int], set[int]]:
    """(changed, left): users with whom a room came to be shared, and with whom none is shared any more.

    Who has joined is among the first: a session that was away then has the others' lists to look at, and its own.
    """
    if not window.may_have_moves() or (not planned and all(r.position <= asked.after for r in memberships)):
        return set(), set()
    me = asked.requester.user_nid
    joined = [row.room_nid for row in memberships if row.membership == JOIN]
    fresh = [r.room_nid for r in memberships if r.membership == JOIN and (r.join_position or 0) > asked.after]
    gone = [
        r.room_nid
        for r in memberships
        if r.membership != JOIN and r.position > asked.after and r.join_position
    ]
    moved = await sync_reads.member_changes(conn, tenant, joined + gone, asked.after, window.up_to)
    came = {row.user_nid for row in moved if row.membership == JOIN and row.room_nid in joined}
    came |= {row.user_nid for row in await sync_reads.joined_members(conn, tenant, fresh)}
    went = {row.user_nid for row in moved if row.membership != JOIN}
    went |= {row.user_nid for row in await sync_reads.joined_members(conn, tenant, gone)}
    went -= {me}
    if went:
        went -= await rooms.users_sharing_rooms(conn, tenant, me)
    return (came if fresh else came - {me}) - went, went
