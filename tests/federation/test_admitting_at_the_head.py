"""An event that follows the end of the room as it is remembered is written without a look at the database first; what was
not as remembered is found by the statement that writes it.
"""

import asyncio

import msgspec
import pytest

from tests.federation.test_admitting import must_be_what_the_database_says
from tests.support.sealed_rooms import key_of
from tests.support.told_room import ToldRoom
from timserver import core
from timserver.context import Context
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, UserID, server_name_of
from timserver.matrix.pdu import PduTemplate
from timserver.store import events, graph
from timserver.store.events import OUTLIER, REDACTED
from timserver.store.graph import Node
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.events.admitting import Status, admit
from timserver.usecases.events.surroundings import remembered
from timserver.usecases.federation.importing import Entry, import_room
from timserver.usecases.federation.outliers import OfRoom, store_outliers
from timserver.usecases.rooms.live import live_room

CREATOR, BOB = "@creator:s1.example", "@bob:s2.example"


async def enter(ctx: Context, tenant: Tenant, told: ToldRoom) -> LiveRoom:
    """Enter by a join of Bob, and learn what messages of the creator cite."""
    state, chain = list(told.state.values()), told.auth_chain()
    join = told.says(BOB, "m.room.member", {"membership": "join"}, state_key=BOB)
    entry = Entry(version=told.version, room_id=told.room_id, join=join, state=state, auth_chain=chain)
    live = await import_room(ctx, tenant, entry)
    assert (await admit(ctx, tenant, live, says(told, "first"))).status is Status.NEW
    return live


def says(told: ToldRoom, text: str) -> Event:
    return told.says(CREATOR, "m.room.message", {"msgtype": "m.text", "body": text})


async def node(ctx: Context, tenant: Tenant, told: ToldRoom, event: Event) -> Node | None:
    key = events.event_key(told.version, event.event_id)
    async with ctx.database.transaction(tenant) as conn:
        return (await graph.nodes(conn, tenant, [key])).get(key)


async def test_what_comes_one_after_the_other_is_written_at_once(
    ctx: Context, tenant: Tenant, other: Tenant
) -> None:
    told = ToldRoom("10", CREATOR)
    live = await enter(ctx, tenant, told)
    message, topic = says(told, "hi"), told.says(CREATOR, "m.room.topic", {"topic": "T"}, state_key="")
    for event in (message, topic, says(told, "bye")):
        assert remembered(live, event) is not None
        assert (await admit(ctx, tenant, live, event)).status is Status.NEW
        assert (await admit(ctx, tenant, live, event)).status is Status.KNOWN
    assert await node(ctx, other, told, message) is None
    await must_be_what_the_database_says(ctx, tenant, live)


async def test_an_event_that_another_process_wrote_is_known(ctx: Context, tenant: Tenant) -> None:
    told = ToldRoom("10", CREATOR)
    live = await enter(ctx, tenant, told)
    elsewhere = await loaded_anew(ctx, tenant, live)
    event = says(told, "hi")
    assert (await admit(ctx, tenant, elsewhere, event)).status is Status.NEW
    assert remembered(live, event) is not None
    assert (await admit(ctx, tenant, live, event)).status is Status.KNOWN
    assert live.extremities == elsewhere.extremities


async def test_a_room_that_went_on_in_another_process_forks(ctx: Context, tenant: Tenant) -> None:
    told = ToldRoom("10", CREATOR)
    live = await enter(ctx, tenant, told)
    elsewhere = await loaded_anew(ctx, tenant, live)
    beside = told.event(CREATOR, "m.room.message", {"msgtype": "m.text", "body": "beside"})
    event = says(told, "hi")
    assert (await admit(ctx, tenant, elsewhere, event)).status is Status.NEW
    assert remembered(live, beside) is not None
    assert (await admit(ctx, tenant, live, beside)).status is Status.NEW
    assert {event_id for _, event_id in live.extremities} == {event.event_id, beside.event_id}
    await must_be_what_the_database_says(ctx, tenant, live)


async def test_an_event_that_was_part_of_an_auth_chain_keeps_its_number(ctx: Context, tenant: Tenant) -> None:
    told = ToldRoom("10", CREATOR)
    live = await enter(ctx, tenant, told)
    topic = told.says(CREATOR, "m.room.topic", {"topic": "T"}, state_key="")
    await store_outliers(ctx, tenant, OfRoom(live.room_nid, live.room_id, live.version), [topic])
    outlier = await node(ctx, tenant, told, topic)
    assert outlier is not None
    assert outlier.flags & OUTLIER
    assert remembered(live, topic) is not None
    assert (await admit(ctx, tenant, live, topic)).status is Status.NEW
    assert live.extremities == [(outlier.event_nid, topic.event_id)]
    await must_be_what_the_database_says(ctx, tenant, live)


async def test_an_event_that_is_stored_beside_the_room_meanwhile_has_one_number(
    ctx: Context, tenant: Tenant
) -> None:
    """While it is judged, another task stores it, as part of what a gap's state needs (found by the partition runs)."""
    told = ToldRoom("10", CREATOR)
    live = await enter(ctx, tenant, told)
    of_room = OfRoom(live.room_nid, live.room_id, live.version)
    for number in range(20):
        topic = told.says(CREATOR, "m.room.topic", {"topic": f"{number}"}, state_key="")
        live.nodes.clear()
        admitted, _ = await asyncio.gather(
            admit(ctx, tenant, live, topic), store_outliers(ctx, tenant, of_room, [topic])
        )
        assert admitted.status is Status.NEW
        stored = await node(ctx, tenant, told, topic)
        assert stored is not None
        assert live.extremities == [(stored.event_nid, topic.event_id)]
    await must_be_what_the_database_says(ctx, tenant, live)


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_redaction_that_came_first_prunes(ctx: Context, tenant: Tenant, version: str) -> None:
    """Ids that servers choose can be named before the event is made."""
    told = ToldRoom(version, CREATOR)
    live = await enter(ctx, tenant, told)
    coming = EventID("$unsaid:s1.example")
    redaction = sealed(told, told.template(CREATOR, "m.room.redaction", {}), redacts=coming)
    told.events.append(redaction)
    assert (await admit(ctx, tenant, live, redaction)).status is Status.NEW
    message = told.template(CREATOR, "m.room.message", {"msgtype": "m.text", "body": "unsaid"})
    event = sealed(told, message, event_id=coming)
    assert remembered(live, event) is not None
    assert (await admit(ctx, tenant, live, event)).status is Status.NEW
    stored = await node(ctx, tenant, told, event)
    assert stored is not None
    assert stored.flags & REDACTED


def sealed(told: ToldRoom, template: PduTemplate, **changes: EventID) -> Event:
    server_name = server_name_of(UserID(CREATOR))
    changed = msgspec.structs.replace(template, **changes)
    return core.seal(told.version, changed, server_name=server_name, signing_key=key_of(server_name))


async def loaded_anew(ctx: Context, tenant: Tenant, live: LiveRoom) -> LiveRoom:
    """The room as another process has it."""
    ctx.caches.rooms.drop((tenant.tenant_id, live.room_nid))
    loaded = await live_room(ctx, tenant, live.room_id)
    assert loaded is not None
    for event_id, kept in live.nodes.items():
        loaded.keep_node(event_id, kept)
    return loaded
