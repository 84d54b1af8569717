"""Step: what is stored of another server's event and of those that it follows and cites.

Mostly it follows the end of the room in memory and cites state that was cited before: then nothing is read, and the
statement that writes the event finds out whether the room, or the event itself, is another one than was thought.
"""

from collections.abc import Mapping

import msgspec

from timserver.context import Context
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID
from timserver.store import events, graph, missing_events, rooms
from timserver.store.events import OUTLIER
from timserver.store.graph import Node
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant


class Around(msgspec.Struct, frozen=True):
    """`is_followed`: an event of the room follows it already, so it fills a gap. `is_guess`: nobody has asked the
    database; the event is thought to be new, and not redacted before it came.
    """

    own: Node | None
    prev: Mapping[EventID, Node]
    auth: Mapping[EventID, Node]
    is_followed: bool = False
    is_guess: bool = False


def remembered(room: LiveRoom, event: Event) -> Around | None:
    """From memory; None when the event does not follow exactly the end of the room, or cites what is not known."""
    if {event_id for _, event_id in room.extremities} != set(event.prev_events):
        return None
    nodes = room.nodes
    prev = {event_id: nodes[event_id] for event_id in event.prev_events if event_id in nodes}
    auth = {event_id: nodes[event_id] for event_id in event.auth_events if event_id in nodes}
    if len(prev) < len(event.prev_events) or len(auth) < len(event.auth_events):
        return None
    if any(node.flags & OUTLIER for node in prev.values()):
        return None
    return Around(None, prev, auth, is_guess=True)


async def read_around(ctx: Context, tenant: Tenant, room: LiveRoom, event: Event) -> Around:
    """The room brought up to date, and the nodes, on one state of the database."""
    keys = {
        event_id: events.event_key(room.version, event_id)
        for event_id in (event.event_id, *event.prev_events, *event.auth_events)
    }
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        if not await rooms.is_current(conn, tenant, room):
            await rooms.refresh(conn, tenant, room)
        found = await graph.nodes(conn, tenant, keys.values())
        is_followed = event.depth <= room.depth and await missing_events.is_followed(
            conn, tenant, room.room_nid, keys[event.event_id]
        )
    around = Around(
        found.get(keys[event.event_id]),
        {event_id: found[keys[event_id]] for event_id in event.prev_events if keys[event_id] in found},
        {event_id: found[keys[event_id]] for event_id in event.auth_events if keys[event_id] in found},
        is_followed,
    )
    for event_id, node in (*around.prev.items(), *around.auth.items()):
        room.keep_node(event_id, node)
    return around
