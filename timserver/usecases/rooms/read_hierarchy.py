"""A local user looks at the rooms of a space, depth first.

Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidhierarchy
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.event_types import TYPE_NIDS
from timserver.matrix.ids import RoomID
from timserver.store import room_state, rooms
from timserver.store.database import Connection
from timserver.store.rooms import RoomRow, UserRoomRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.rooms.summaries import Summary, is_open_to, summarize

_CHILD = TYPE_NIDS["m.space.child"]
_ORDER_LENGTH_MAX = 50


class Asked(msgspec.Struct, frozen=True):
    """How much of the tree; the same for all its pages."""

    suggested_only: bool
    depth_max: int


class _ChildContent(msgspec.Struct):
    via: object = None
    order: object = None
    suggested: object = None


class _Child(msgspec.Struct):
    state_key: str
    origin_server_ts: int
    content: _ChildContent


class ChildState(msgspec.Struct, frozen=True):
    """An `m.space.child` event as the answer shows it."""

    type: str
    state_key: str
    sender: Raw
    content: Raw
    origin_server_ts: int


class Entry(msgspec.Struct, frozen=True):
    """A room of the tree; children only of a space."""

    summary: Summary
    children: list[ChildState]


_decode_child = msgspec.json.Decoder(_Child).decode
_decode_state = msgspec.json.Decoder(ChildState).decode


class _Walk:
    """The way through one tree on one snapshot of the database."""

    def __init__(
        self, conn: Connection, tenant: Tenant, asked: Asked, memberships: Mapping[str, UserRoomRow]
    ) -> None:
        self.conn, self.tenant, self.asked, self.memberships = conn, tenant, asked, memberships
        self.rows: dict[str, RoomRow] = {}
        self.summaries: dict[str, Summary] = {}
        self.found: list[Entry] = []

    async def load(self, room_ids: list[str]) -> None:
        """Learn about the rooms of a level, as far as they are known here."""
        unknown = [room_id for room_id in room_ids if room_id not in self.rows]
        if unknown:
            rows = await rooms.rooms_by_id(self.conn, self.tenant, unknown)
            self.rows |= {row.room_id: row for row in rows}
            self.summaries |= await summarize(self.conn, self.tenant, rows)

    async def go(self, root: str, count: int) -> None:
        """Find rooms until there are `count`, or no more."""
        await self.load([root])
        seen: set[str] = set()
        ahead = [(root, 0)]
        while ahead and len(self.found) < count:
            room_id, depth = ahead.pop()
            summary = self.summaries.get(room_id)
            if room_id in seen or summary is None or not is_open_to(summary, self.memberships):
                continue
            seen.add(room_id)
            children = await self._children(room_id) if summary.room_type == "m.space" else []
            self.found.append(Entry(summary, children))
            if depth < self.asked.depth_max:
                below = [child.state_key for child in children if child.state_key not in seen]
                await self.load(below)
                ahead += [(child, depth + 1) for child in reversed(below)]

    async def _children(self, room_id: str) -> list[ChildState]:
        """In the order of the specification; events without `via` name no child."""
        rows = await room_state.of_type(self.conn, self.tenant, self.rows[room_id].room_nid, _CHILD)
        children = []
        for row in rows:
            child = _decode_child(row.json)
            via = child.content.via
            if not isinstance(via, list) or not via:
                continue
            if not self.asked.suggested_only or child.content.suggested is True:
                children.append((_order(child), _decode_state(row.json)))
        return [state for _, state in sorted(children, key=lambda item: item[0])]


def _order(child: _Child) -> tuple[bool, str, int, str]:
    """Those with a valid `order` first, then by age, then by room id."""
    order = child.content.order
    is_valid = (
        isinstance(order, str)
        and len(order) <= _ORDER_LENGTH_MAX
        and all(" " <= letter <= "~" for letter in order)
    )
    return not is_valid, str(order) if is_valid else "", child.origin_server_ts, child.state_key


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
        walk = _Walk(conn, tenant, asked, {row.room_id: row for row in own})
        most = ctx.settings.limits.page_rooms_max
        await walk.go(room_id, min(skip + limit + 1, most))
    if not walk.found:
        raise errors.Forbidden("You may not look at this room")
    return walk.found[skip : skip + limit], len(walk.found) > skip + limit
