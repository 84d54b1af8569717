"""A local user looks at the rooms of a space, depth first; of rooms where nobody of us is, other servers tell.

Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidhierarchy
"""

from collections.abc import Mapping, Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.store import rooms
from timserver.store.rooms import UserRoomRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms.remote_spaces import SpacesElsewhere, server_names
from timserver.usecases.rooms.space_children import ChildState, content_of, space_children
from timserver.usecases.rooms.summaries import Summary, is_open_to, summarize


class Asked(msgspec.Struct, frozen=True):
    """How much of the tree; the same for all its pages."""

    suggested_only: bool
    depth_max: int


class Entry(msgspec.Struct, frozen=True):
    """A room of the tree; children only of a space."""

    summary: Summary
    children: list[ChildState]


class _Walk:
    """The way through one tree. No connection is held while other servers are asked."""

    def __init__(
        self, ctx: Context, tenant: Tenant, asked: Asked, memberships: Mapping[str, UserRoomRow]
    ) -> None:
        self.ctx, self.tenant, self.asked, self.memberships = ctx, tenant, asked, memberships
        self.elsewhere = SpacesElsewhere(ctx, tenant, suggested_only=asked.suggested_only)
        self.here: dict[str, Entry] = {}
        self.looked_up: set[str] = set()
        self.found: list[Entry] = []

    async def go(self, root: str, via: Sequence[ServerName], count: int) -> None:
        """Find rooms until there are `count`, or no more."""
        await self._look_up([root])
        seen: set[str] = set()
        ahead = [(root, 0, via)]
        while ahead and len(self.found) < count:
            room_id, depth, servers = ahead.pop()
            if room_id in seen:
                continue
            seen.add(room_id)
            entry = self.here.get(room_id) or await self._ask(room_id, servers)
            if entry is None or not is_open_to(entry.summary, self.memberships):
                continue
            self.found.append(entry)
            if depth < self.asked.depth_max:
                below = [child for child in entry.children if child.state_key not in seen]
                await self._look_up([child.state_key for child in below])
                ahead += [
                    (child.state_key, depth + 1, server_names(content_of(child).servers))
                    for child in reversed(below)
                ]

    async def _look_up(self, room_ids: Sequence[str]) -> None:
        """Learn about the rooms of a level, as far as somebody of us is there."""
        unknown = [room_id for room_id in room_ids if room_id not in self.looked_up]
        self.looked_up |= set(unknown)
        if not unknown:
            return
        async with self.ctx.database.transaction(self.tenant, snapshot=True) as conn:
            rows = await rooms.rooms_by_id(conn, self.tenant, unknown)
            inside = await rooms.with_local_members(conn, self.tenant, [row.room_nid for row in rows])
            rows = [row for row in rows if row.room_nid in inside]
            summaries = await summarize(conn, self.tenant, rows)
            for row in rows:
                summary, children = summaries[row.room_id], []
                if summary.room_type == "m.space":
                    only = self.asked.suggested_only
                    children = await space_children(conn, self.tenant, row.room_nid, suggested_only=only)
                self.here[row.room_id] = Entry(summary, children)

    async def _ask(self, room_id: str, via: Sequence[ServerName]) -> Entry | None:
        found = await self.elsewhere.room(RoomID(room_id), via)
        return None if found is None else Entry(*found)


async def read_hierarchy(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    asked: Asked,
    *,
    skip: int,
    limit: int,
) -> tuple[list[Entry], bool]:
    """One page of the tree without its first `skip` rooms, and whether there is more.

    Raises `Forbidden` for a room that the user may not look at.
    """
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        own = await rooms.rooms_of(conn, tenant, requester.user_nid)
    walk = _Walk(ctx, tenant, asked, {row.room_id: row for row in own})
    most = ctx.settings.limits.page_rooms_max
    await walk.go(room_id, server_names([room_id.partition(":")[2]]), min(skip + limit + 1, most))
    if not walk.found:
        raise errors.Forbidden("You may not look at this room")
    return walk.found[skip : skip + limit], len(walk.found) > skip + limit
