"""FED-10: a server drops off the federation list while it shares rooms: its neighbors are told, once; the rooms stay."""

from typing import Any

import pytest

from tests.support.guests import Guest
from tests.support.homeserver import Homeserver, Person
from tests.support.talk import room_with
from timserver.context import Context
from timserver.store import tenants
from timserver.tenancy import Tenant, TenantSettings, Variant
from timserver.usecases.tenants import find_tenant
from timserver.workers.federation_list import tell

PEER = "peer.lying.example"


async def with_list(ctx: Context, tenant: Tenant, *servers: str) -> Tenant:
    """The tenant, with other servers in its list."""
    settings = TenantSettings(registration=True, allowed_servers=servers)  # type: ignore[arg-type]
    async with ctx.database.directory() as conn:
        await tenants.update_settings(conn, tenant, settings)
    ctx.caches.drop_named(tenant.tenant_id, "tenant")
    found = await find_tenant(ctx, tenant.server_name)
    assert found is not None
    return found


async def notices(person: Person) -> list[str]:
    """What the server has said to somebody."""
    invited = (await person.get("/sync", timeout=0)).must().body.get("rooms", {}).get("invite", {})
    for room in invited:
        (await person.post(f"/join/{room}")).must()
    synced: Any = (await person.get("/sync", timeout=0)).must().body.get("rooms", {}).get("join", {})
    events = [event for room in synced.values() for event in room["timeline"]["events"]]
    return [
        event["content"]["body"]
        for event in events
        if event["type"] == "m.room.message" and event["sender"].startswith("@_server:")
    ]


@pytest.mark.parametrize("variant", [Variant.PRO, Variant.EPA])
async def test_fed_10_neighbors_of_a_server_that_drops_off_the_list_are_told(
    server: Homeserver, variant: Variant
) -> None:
    ctx = server.ctx
    tenant = await server.tenant(variant, allowed_servers=(PEER,))
    alice, apart = await server.person(tenant, "alice"), await server.person(tenant, "apart")
    room = await room_with(alice, preset="public_chat", room_version="10")
    await Guest(ctx, tenant, f"@bob:{PEER}").joins(room)
    assert await tell(ctx, tenant) == 0
    tenant = await with_list(ctx, tenant)
    assert await tell(ctx, tenant) == 1
    assert await tell(ctx, tenant) == 0, "once is enough"
    (text,) = await notices(alice)
    assert PEER in text
    assert await notices(apart) == []
    members = (await alice.get(f"/rooms/{room}/joined_members")).must()["joined"]
    assert f"@bob:{PEER}" in members, "the room stays as it is"
    tenant = await with_list(ctx, tenant, PEER)
    assert await tell(ctx, tenant) == 0
    tenant = await with_list(ctx, tenant)
    assert await tell(ctx, tenant) == 1, "it is news again"


async def test_tenants_that_federate_with_anyone_are_told_nothing(server: Homeserver) -> None:
    alice = await server.person(await server.tenant(), "alice")
    room = await room_with(alice, preset="public_chat", room_version="10")
    await Guest(server.ctx, alice.tenant, f"@bob:{PEER}").joins(room)
    assert await tell(server.ctx, alice.tenant) == 0
    assert await notices(alice) == []
