"""A user joins a room of another homeserver: both see the same room afterwards, in every room version."""

import asyncio

import pytest

from tests.support.homeserver import Homeserver, Person
from tests.support.rooms_between import (
    VERSIONS,
    join,
    membership,
    private_room,
    public_room,
    shown,
    state_ids,
)
from timserver.tenancy import Variant


@pytest.mark.parametrize("version", VERSIONS)
async def test_both_see_the_same_room(alice: Person, bob: Person, version: str) -> None:
    room = await public_room(alice, version, name="Praxis", topic="Befunde")
    await join(bob, room, alice)
    assert await membership(alice, room, bob) == "join"
    assert await state_ids(bob, room) == await state_ids(alice, room)
    seen = await shown(bob, room, "join")
    assert seen is not None
    assert seen["timeline"]["events"][-1]["state_key"] == bob.user_id


async def test_the_profile_goes_along(alice: Person, bob: Person) -> None:
    (await bob.put(f"/profile/{bob.user_id}/displayname", {"displayname": "Bob"})).must()
    room = await public_room(alice)
    await join(bob, room, alice)
    member = await alice.get(f"/rooms/{room}/state/m.room.member/{bob.user_id}")
    assert member.must().body == {"membership": "join", "displayname": "Bob"}


async def test_a_second_user_joins_without_asking_again(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    room = await public_room(alice)
    await join(bob, room, alice)
    dora = await server.person(bob.tenant, "dora")
    (await dora.post(f"/join/{room}")).must()
    assert await membership(bob, room, dora) == "join"


async def test_the_servers_are_asked_in_turn(alice: Person, bob: Person, carol: Person) -> None:
    """One that is not in the room, one that does not exist, then one that helps."""
    room = await public_room(alice)
    via = [carol.tenant.server_name, "nobody.example.org", alice.tenant.server_name]
    (await bob.call("POST", f"/join/{room}", {}, params=[("via", name) for name in via])).must()
    assert await membership(alice, room, bob) == "join"


async def test_server_name_is_via_as_older_clients_say_it(alice: Person, bob: Person) -> None:
    room = await public_room(alice)
    old = {"server_name": alice.tenant.server_name}
    (await bob.call("POST", f"/join/{room}", {}, params=old)).must()


async def test_refusals_are_passed_on(alice: Person, bob: Person, carol: Person) -> None:
    room = await private_room(alice)
    via = {"via": alice.tenant.server_name}
    (await bob.call("POST", f"/join/{room}", {}, params=via)).must(403, "M_FORBIDDEN")
    (await bob.call("POST", f"/join/{room}", {}, params={"via": carol.tenant.server_name})).must(
        404, "M_NOT_FOUND"
    )
    (await bob.post(f"/join/{room}")).must(404, "M_NOT_FOUND")
    (await bob.post(f"/rooms/{room}/join")).must(404, "M_NOT_FOUND")


async def test_a_room_that_does_not_federate_lets_nobody_in(alice: Person, bob: Person) -> None:
    room = await public_room(alice, creation_content={"m.federate": False})
    via = {"via": alice.tenant.server_name}
    (await bob.call("POST", f"/join/{room}", {}, params=via)).must(403, "M_FORBIDDEN")


async def test_a_retry_does_not_start_a_second_join(alice: Person, bob: Person) -> None:
    room = await public_room(alice)
    await asyncio.gather(*(join(bob, room, alice) for _ in range(5)))
    timeline = (await alice.get(f"/rooms/{room}/messages", dir="b", limit=100)).must()["chunk"]
    joins = [event for event in timeline if event.get("state_key") == bob.user_id]
    assert len(joins) == 1


async def test_two_users_of_one_server_join_at_once(server: Homeserver, alice: Person, bob: Person) -> None:
    dora = await server.person(bob.tenant, "dora")
    room = await public_room(alice)
    await asyncio.gather(join(bob, room, alice), join(dora, room, alice))
    assert await membership(bob, room, dora) == "join"
    assert await membership(dora, room, bob) == "join"


async def test_a_room_that_was_left_is_entered_again(alice: Person, bob: Person) -> None:
    room = await public_room(alice)
    await join(bob, room, alice)
    (await bob.post(f"/rooms/{room}/leave")).must()
    (await alice.put(f"/rooms/{room}/state/m.room.topic", {"topic": "meanwhile"})).must()
    await join(bob, room, alice)
    topic = await bob.get(f"/rooms/{room}/state/m.room.topic")
    assert topic.must().body == {"topic": "meanwhile"}


async def test_place_10_servers_outside_the_federation_are_skipped(server: Homeserver, alice: Person) -> None:
    """S19: TI-M tenants ask none that is not in the list, and say so when none is left."""
    room = await public_room(alice)
    for variant in (Variant.PRO, Variant.EPA):
        closed = await server.person(await server.tenant(variant), "eve")
        via = {"via": alice.tenant.server_name}
        (await closed.call("POST", f"/join/{room}", {}, params=via)).must(403, "M_FORBIDDEN")
        listed = await server.tenant(variant, allowed_servers=(alice.tenant.server_name,))
        eve = await server.person(listed, "eve")
        names = [("via", "stranger.example.org"), ("via", alice.tenant.server_name)]
        (await eve.call("POST", f"/join/{room}", {}, params=names)).must()


async def test_tenants_stay_apart(server: Homeserver, alice: Person, bob: Person, carol: Person) -> None:
    """Each homeserver has its own copy: who is at a third one sees nothing of it."""
    room = await public_room(alice)
    await join(bob, room, alice)
    (await carol.get(f"/rooms/{room}/state")).must(403, "M_FORBIDDEN")
    assert "rooms" not in (await carol.get("/sync")).must().body
