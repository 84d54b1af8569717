"""Other servers' events: a room grown by chance on several servers becomes the same room here, in whatever order."""

import msgspec
import pytest

from tests.support.sealed_rooms import SealedRoom
from timserver import core
from timserver.context import Context
from timserver.matrix.event import Event, StateKey
from timserver.matrix.event_types import CREATE_KEY, MEMBER
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import EventIdFormat
from timserver.store import events, graph, rooms
from timserver.store.live_rooms import LiveRoom
from timserver.store.snapshots import RoomState
from timserver.tenancy import Tenant
from timserver.usecases.events.admitting import Status, admit
from timserver.usecases.events.placing import with_reach
from timserver.usecases.events.resolving import states_after
from timserver.usecases.federation.importing import Entry, import_room
from timserver.usecases.rooms.live import live_room

VERSIONS = ("1", "2", "3", "5", "6", "8", "9", "10", "11", "12")


async def enter(ctx: Context, tenant: Tenant, room: SealedRoom) -> LiveRoom:
    """Enter a room as it was with its creator's join."""
    create, join, *_ = room.events.values()
    entry = Entry(version=room.version, room_id=room.room_id, join=join, state=[create], auth_chain=[create])
    return await import_room(ctx, tenant, entry)


async def in_ids(ctx: Context, tenant: Tenant, room: LiveRoom, state: RoomState) -> dict[StateKey, EventID]:
    """A stored state in ids."""
    async with ctx.database.transaction(tenant) as conn:
        bodies = await events.bodies(conn, tenant, state.numbers)
    found = [core.open_pdu(room.version, body).event for body in bodies.values()]
    return {event.key: event.event_id for event in found}


async def state_after(ctx: Context, tenant: Tenant, room: LiveRoom, event: Event) -> dict[StateKey, EventID]:
    key = events.event_key(room.version, event.event_id)
    async with ctx.database.transaction(tenant) as conn:
        node = (await graph.nodes(conn, tenant, [key]))[key]
    (state,) = await states_after(ctx, tenant, room, [node])
    return await in_ids(ctx, tenant, room, state)


async def state_before(
    ctx: Context, tenant: Tenant, live: LiveRoom, room: SealedRoom, event: Event
) -> RoomState:
    """As another server would tell it."""
    state = core.resolve(room.version, [room.states[event_id] for event_id in event.prev_events], room.events)
    keys = [events.event_key(room.version, event_id) for event_id in state.values()]
    async with ctx.database.transaction(tenant) as conn:
        nodes = (await graph.nodes(conn, tenant, keys)).values()
    others = {node.key_nid: node.event_nid for node in nodes if node.key_nid and node.type_nid != MEMBER}
    members = {node.key_nid: node.event_nid for node in nodes if node.key_nid and node.type_nid == MEMBER}
    return await with_reach(ctx, tenant, live, RoomState.whole(others, members))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("seed", range(2))
async def test_a_random_room_is_the_same_in_any_order(
    ctx: Context, tenant: Tenant, other: Tenant, version: str, seed: int
) -> None:
    room = SealedRoom(version, seed)
    room.grow(25)
    entered, outcomes = list(room.events)[:2], []
    for at, order in ((tenant, list(room.events.values())), (other, room.shuffled(seed))):
        live = await enter(ctx, at, room)
        statuses = {}
        for event in order:
            if event.event_id in entered:
                continue
            admitted = await admit(ctx, at, live, event)
            if admitted.status is Status.MISSING:  # it follows the create event, whose history is not here
                before = await state_before(ctx, at, live, room, event)
                admitted = await admit(ctx, at, live, event, before=before)
            statuses[event.event_id] = admitted.status
        for event_id, status in statuses.items():
            event = room.events[event_id]
            if status is not Status.KNOWN:
                assert (status is Status.REJECTED) == event.rejected, (event, status)
            assert await state_after(ctx, at, live, event) == room.states[event_id], event
        ends = [room.states[event_id] for _, event_id in live.extremities]
        current = await in_ids(ctx, at, live, live.state)
        assert current == core.resolve(room.version, ends, room.events)
        await must_be_what_the_database_says(ctx, at, live)
        outcomes.append(statuses)
    assert outcomes[0].keys() == outcomes[1].keys()


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_event_that_follows_nothing_is_rejected(ctx: Context, tenant: Tenant, version: str) -> None:
    """Neither is the room's own create event, and that one is known."""
    room = SealedRoom(version, 1)
    live = await enter(ctx, tenant, room)
    create, join, *_ = room.events.values()
    stray = msgspec.structs.replace(join, event_id=EventID(join.event_id[:-4] + "AAAA"), prev_events=())
    if room.version.event_id_format is EventIdFormat.GIVEN:
        stray = msgspec.structs.replace(stray, event_id=EventID("$stray:s1.example"))
    assert (await admit(ctx, tenant, live, stray)).status is Status.REJECTED
    assert (await admit(ctx, tenant, live, create)).status is Status.KNOWN


async def test_an_event_is_read_once_until_its_row_has_other_flags(
    ctx: Context, tenant: Tenant, other: Tenant
) -> None:
    """A process remembers what it read for state resolution; what another one redacts or rejects it reads again."""
    room = SealedRoom("11", 1)
    rows = {}
    for at in (tenant, other):
        live = await enter(ctx, at, room)
        nids = [*live.state.numbers]
        async with ctx.database.transaction(at) as conn:
            read = await graph.stored(conn, ctx.caches.read_events, at, room.version, nids)
            again = await graph.stored(conn, ctx.caches.read_events, at, room.version, nids)
        assert read.keys() == set(nids)
        assert all(again[nid] is read[nid] for nid in nids)
        rows[at.tenant_id] = read
    assert not {id(row) for row in rows[tenant.tenant_id].values()} & set(
        map(id, rows[other.tenant_id].values())
    )
    nid = live.others[CREATE_KEY]
    async with ctx.database.transaction(other) as conn:
        await conn.raw.execute(
            "update event set flags = flags | $3 where tenant_id = $1 and event_nid = $2",
            other.tenant_id,
            nid,
            events.REDACTED,
        )
        changed = await graph.stored(conn, ctx.caches.read_events, other, room.version, nids)
    assert {number for number in nids if changed[number] is not read[number]} == {nid}


async def must_be_what_the_database_says(ctx: Context, tenant: Tenant, live: LiveRoom) -> None:
    """The room in memory, and the room as another process would load it."""
    ctx.caches.rooms.drop((tenant.tenant_id, live.room_nid))
    loaded = await live_room(ctx, tenant, live.room_id)
    assert loaded is not None
    assert loaded is not live
    for room in (live, loaded):
        assert room.state.others == room.others == live.others
        in_state = {user: member.event_nid for user, member in room.members.items() if member.event_nid}
        assert room.state.members == in_state
    assert loaded.members == live.members
    assert loaded.extremities == live.extremities
    assert (loaded.row_version, loaded.depth, loaded.position) == (
        live.row_version,
        live.depth,
        live.position,
    )
    assert live.chain.reach is not None
    assert loaded.chain.reach is not None
    worked_out = await with_reach(ctx, tenant, live, RoomState.whole(live.state.others, live.state.members))
    assert worked_out.reach is not None
    assert core.merged(live.chain.reach) == core.merged(loaded.chain.reach) == core.merged(worked_out.reach)
    async with ctx.database.transaction(tenant) as conn:
        (counts,) = (await rooms.counts(conn, tenant, [live.room_nid])).values()
    assert counts.joined == live.joined_count
