"""Step: a room that the tenant enters by another server's answer to `send_join` (STYLE 5, "Join by federation").

State and auth chain become outliers; then one statement makes the room, or what is left of it from an earlier time,
follow our join event. What was before the join is fetched when somebody pages back (`backfilling.py`).
"""

from collections.abc import Mapping, Sequence

import msgspec

from timserver import core
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.event import Event
from timserver.matrix.event_types import MEMBER
from timserver.matrix.ids import EventID, RoomID
from timserver.matrix.room_versions import RoomVersion
from timserver.store import admission, events, graph, snapshots
from timserver.store.admission import Admission
from timserver.store.events import REJECTED
from timserver.store.graph import Node
from timserver.store.live_rooms import LiveRoom
from timserver.store.snapshots import RoomState, State
from timserver.store.streams import EVENT, Fact
from timserver.tenancy import Tenant
from timserver.usecases.events.placing import with_reach
from timserver.usecases.events.resolving import state_with
from timserver.usecases.events.state_changes import state_changes
from timserver.usecases.federation.outliers import OfRoom, store_outliers
from timserver.usecases.rooms.live import catch_up, live_room


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What `send_join` answered, all events opened: our join, the state before it, and the auth chains of both."""

    version: RoomVersion
    room_id: RoomID
    join: Event
    state: Sequence[Event]
    auth_chain: Sequence[Event]


async def import_room(ctx: Context, tenant: Tenant, entry: Entry) -> LiveRoom:
    """The room, entered. Raises `AuthChainIncomplete`; and `Forbidden` when the state does not allow the join."""
    room = await ensured_room(ctx, tenant, entry.room_id, entry.version)
    of_room = OfRoom(room.room_nid, entry.room_id, entry.version)
    given = [*entry.auth_chain, *entry.state, entry.join]
    nodes = await store_outliers(ctx, tenant, of_room, given)
    accepted = [event for event in entry.state if event.is_state and not _is_rejected(nodes, event)]
    refused = core.check_auth(entry.version, entry.join, {event.key: event for event in accepted})
    if refused is not None or _is_rejected(nodes, entry.join):
        raise errors.Forbidden("The server's answer does not allow the join", inner=str(refused))
    state = await with_reach(ctx, tenant, room, _state_of(accepted, nodes))
    async with room.lock:
        for _ in range(ctx.settings.limits.append_retries_max):
            await catch_up(ctx, tenant, room)
            if await _enter(ctx, tenant, room, entry, state, nodes):
                return room
    raise errors.Unavailable("The room is busy")


async def ensured_room(ctx: Context, tenant: Tenant, room_id: RoomID, version: RoomVersion) -> LiveRoom:
    """The room in memory; one that was not known has neither history nor state yet."""
    await admission.ensure_room(ctx.database, tenant, room_id, version, ctx.clock.now_ms())
    room = await live_room(ctx, tenant, room_id)
    assert room is not None
    return room


def _is_rejected(nodes: Mapping[EventID, Node], event: Event) -> bool:
    node = nodes.get(event.event_id)
    return node is None or bool(node.flags & REJECTED)


def _state_of(state: Sequence[Event], nodes: Mapping[EventID, Node]) -> RoomState:
    others: State = {}
    members: State = {}
    for event in state:
        node = nodes[event.event_id]
        if node.key_nid is not None:
            (members if node.type_nid == MEMBER else others)[node.key_nid] = node.event_nid
    return RoomState.whole(others, members)


async def _enter(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    entry: Entry,
    state: RoomState,
    nodes: Mapping[EventID, Node],
) -> bool:
    """Write the join at the head; False when somebody was faster."""
    join = nodes[entry.join.event_id]
    after = await state_with(ctx, tenant, room, state, join)
    before_nid, head_nid = await ctx.database.take_nids(2)
    nothing = snapshots.Chain()
    before_row, chain = snapshots.extend(nothing, before_nid, snapshots.change_of(nothing.state, state))
    head_row, chain = snapshots.extend(chain, head_nid, snapshots.change_of(state, after))
    delta = snapshots.change_of(room.state, after)
    changes = await state_changes(ctx, tenant, room, delta, entry.join, join)
    wanted = Admission(
        room_nid=room.room_nid,
        row_version=room.row_version,
        event=_row(entry, nodes, before_nid, state.get(join.key_nid or 0) or None),
        extremities=[join.event_nid],
        head_snapshot_nid=head_nid,
        snapshots=[before_row, head_row],
        changes=changes.rows,
        joined_change=changes.joined,
        invited_change=changes.invited,
        missing=[events.event_key(entry.version, event_id) for event_id in entry.join.prev_events],
    )
    admitted = await admission.admit(ctx.database, tenant, wanted)
    if admitted.status == events.STALE:
        return False
    await catch_up(ctx, tenant, room)
    if admitted.status == events.APPENDED:
        facts = [
            Fact(admitted.position, EVENT, room.room_nid, change.key_nid, change.membership)
            for change in changes.rows
            if change.local
        ]
        ctx.streams.publish(tenant, admitted.position, facts)
    return True


def _row(
    entry: Entry, nodes: Mapping[EventID, Node], snapshot_nid: int, replaces_nid: int | None
) -> events.NewEvent:
    join, node = entry.join, nodes[entry.join.event_id]
    return events.NewEvent(
        nid=node.event_nid,
        event_hash=node.event_hash,
        depth=node.depth,
        ts=join.origin_server_ts,
        type_nid=node.type_nid,
        key_nid=node.key_nid,
        sender_nid=node.sender_nid,
        prev=graph.numbers_of_all(join.prev_events, nodes),
        auth=[nodes[event_id].event_nid for event_id in join.auth_events],
        snapshot_nid=snapshot_nid,
        replaces_nid=replaces_nid,
        thread_nid=None,
        push_default=0,
        push_except=None,
        json=join.pdu,
    )
