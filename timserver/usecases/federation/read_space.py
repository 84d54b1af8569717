"""Another server looks at a space and its children, as far as one of its users could enter or look at them.

Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1hierarchyroomid
"""

from collections.abc import Iterable, Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.store import room_servers, rooms, terms
from timserver.store.database import Connection
from timserver.store.rooms import RoomRow
from timserver.tenancy import Tenant
from timserver.usecases.federation.acl import is_allowed
from timserver.usecases.rooms.live import live_room
from timserver.usecases.rooms.space_children import ChildState, space_children
from timserver.usecases.rooms.summaries import Summary, summarize


class Space(msgspec.Struct, frozen=True):
    """The room, its children that the server may look at, and those that it may not."""

    room: Summary
    children_state: list[ChildState]
    children: list[Summary]
    inaccessible: list[RoomID]


async def read_space(
    ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID, *, suggested_only: bool
) -> Space:
    """Raises `NotFound` for what is unknown and for what the server may not look at."""
    asked = await live_room(ctx, tenant, room_id)
    if asked is not None and not await is_allowed(ctx, tenant, asked, origin):
        raise errors.NotFound("Room not found")
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        server_nid = (await terms.find(conn, ctx.caches, tenant, [origin])).get(origin, 0)
        root = await rooms.find_room(conn, tenant, room_id)
        summaries = await summarize(conn, tenant, [root]) if root else {}
        if root is None or room_id not in await _open(conn, tenant, server_nid, [root], summaries.values()):
            raise errors.NotFound("Room not found")
        states: list[ChildState] = []
        if summaries[room_id].room_type == "m.space":
            states = await space_children(conn, tenant, root.room_nid, suggested_only=suggested_only)
        most = ctx.settings.limits.page_rooms_max
        ids = list(dict.fromkeys(state.state_key for state in states))[:most]
        rows = await rooms.rooms_by_id(conn, tenant, ids)
        found = await summarize(conn, tenant, rows)
        is_open = await _open(conn, tenant, server_nid, rows, found.values())
    return Space(
        room=summaries[room_id],
        children_state=states,
        children=[found[child] for child in ids if child in is_open],
        inaccessible=[RoomID(child) for child in ids if child in found and child not in is_open],
    )


async def _open(
    conn: Connection,
    tenant: Tenant,
    server_nid: int,
    rows: Sequence[RoomRow],
    summaries: Iterable[Summary],
) -> set[str]:
    """Rooms that a user of the server could look at: is in or invited, could join or knock, or the world may read."""
    summaries = list(summaries)
    allowed = {room_id for summary in summaries for room_id in summary.allowed_room_ids or ()}
    known = {row.room_id: row.room_nid for row in rows}
    known |= {row.room_id: row.room_nid for row in await rooms.rooms_by_id(conn, tenant, sorted(allowed))}
    nids = list(known.values())
    inside = await room_servers.rooms_of_server(conn, tenant, server_nid, nids)
    invited = await room_servers.rooms_inviting_server(conn, tenant, server_nid, nids)
    return {
        summary.room_id
        for summary in summaries
        if known[summary.room_id] in inside | invited
        or summary.world_readable
        or summary.join_rule in ("public", "knock", "knock_restricted")
        or (
            summary.join_rule == "restricted"
            and any(known.get(room_id) in inside for room_id in summary.allowed_room_ids or ())
        )
    }
