"""Events of a room's state and auth chains, stored by two at once: both know them by the numbers that they have."""

import asyncio

from tests.support.told_room import ToldRoom
from timserver.context import Context
from timserver.store import events, graph
from timserver.tenancy import Tenant
from timserver.usecases.federation.importing import ensured_room
from timserver.usecases.federation.outliers import OfRoom, store_outliers

CREATOR = "@creator:s1.example"


async def test_who_comes_second_takes_the_numbers_of_the_first(
    ctx: Context, tenant: Tenant, other: Tenant
) -> None:
    told = ToldRoom("11", CREATOR)
    for number in range(5):
        user_id = f"@user{number}:s1.example"
        told.says(user_id, "m.room.member", {"membership": "join"}, state_key=user_id)
    live = await ensured_room(ctx, tenant, told.room_id, told.version)
    room = OfRoom(live.room_nid, live.room_id, live.version)
    found = await asyncio.gather(*(store_outliers(ctx, tenant, room, told.events) for _ in range(3)))
    keys = [events.event_key(told.version, event.event_id) for event in told.events]
    async with ctx.database.transaction(tenant) as conn:
        stored = await graph.nodes(conn, tenant, keys)
    assert len(stored) == len(told.events)
    for nodes in found:
        numbers = {node.event_hash: node.event_nid for node in nodes.values()}
        assert numbers == {key: node.event_nid for key, node in stored.items()}
    async with ctx.database.transaction(other) as conn:
        assert not await graph.nodes(conn, other, keys)


async def test_what_cites_an_event_that_another_has_stored_cites_its_number(
    ctx: Context, tenant: Tenant
) -> None:
    """One stores the whole room, the other only its beginning."""
    for number in range(10):
        told = ToldRoom("11", CREATOR, name=f"cited{number}-")
        live = await ensured_room(ctx, tenant, told.room_id, told.version)
        room = OfRoom(live.room_nid, live.room_id, live.version)
        await asyncio.gather(
            *(store_outliers(ctx, tenant, room, part) for part in (told.events[:2], told.events))
        )
        async with ctx.database.transaction(tenant) as conn:
            lost = await conn.raw.fetch(
                "select c.nid from event e cross join unnest(e.auth || e.prev || e.chain_nid) c (nid)"
                " where e.tenant_id = $1 and e.room_nid = $2 and c.nid > 0"
                " and not exists (select from event k where k.tenant_id = $1 and k.event_nid = c.nid)",
                tenant.tenant_id,
                live.room_nid,
            )
        assert not lost
