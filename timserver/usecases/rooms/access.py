"""Step: whether a user may read a room, and up to where."""

import msgspec

from timserver.matrix import errors
from timserver.matrix.client_event import membership_of
from timserver.matrix.event_types import HISTORY_VISIBILITY_KEY
from timserver.matrix.history_visibility import Visibility, visibility_of_pdu
from timserver.store import events, room_state, rooms
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.store.rooms import UserRoomRow
from timserver.tenancy import Tenant

POSITION_MAX = 2**62
POSITION_MIN = -POSITION_MAX
"""Before everything: history that came by backfill has negative positions."""


class Access(msgspec.Struct, frozen=True):
    """A room as one user may read it; `left` is the event by which the user left, None for who reads the present."""

    room: LiveRoom
    row: UserRoomRow | None
    left: EventRow | None

    @property
    def up_to(self) -> int:
        """The last position that may be read."""
        return self.left.position if self.left else POSITION_MAX

    @property
    def is_joined(self) -> bool:
        """Is the user in the room?"""
        return self.row is not None and self.row.membership == JOIN


async def read_access(conn: Connection, tenant: Tenant, user_nid: int, room: LiveRoom) -> Access:
    """Who is or was in the room may read, and everybody when it is world-readable; else raises `Forbidden`."""
    row = await rooms.room_of(conn, tenant, user_nid, room.room_nid)
    if row is not None and row.membership == JOIN:
        return Access(room, row, None)
    if row is not None and row.join_position is not None and not row.forgotten:
        return Access(room, row, await _leaving(conn, tenant, row))
    if await is_world_readable(conn, tenant, room.room_nid):
        return Access(room, row, None)
    raise errors.Forbidden("You are not in this room")


async def is_world_readable(conn: Connection, tenant: Tenant, room_nid: int) -> bool:
    """May everybody read the room as it is now?"""
    row = await room_state.entry(conn, tenant, room_nid, HISTORY_VISIBILITY_KEY)
    return row is not None and visibility_of_pdu(row.json) is Visibility.WORLD_READABLE


async def _leaving(conn: Connection, tenant: Tenant, row: UserRoomRow) -> EventRow:
    """The event that ended the user's last time in the room: what came later (a ban, an invite) is not looked at."""
    event = (await events.by_nids(conn, tenant, [row.event_nid]))[row.event_nid]
    while event.replaces_nid:
        before = (await events.by_nids(conn, tenant, [event.replaces_nid]))[event.replaces_nid]
        if membership_of(before.json) == "join":
            break
        event = before
    return event
