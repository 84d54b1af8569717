"""Rooms that members of other rooms may join: whoever is in them vouches for it, and only after a look.

Spec: https://spec.matrix.org/v1.19/server-server-api/#restricted-rooms
"""

from typing import Any

import pytest

from tests.support.homeserver import Homeserver, Person
from tests.support.rooms_between import eventually, join, membership, public_room, state_ids

VERSIONS = ("8", "10", "11", "12")


async def restricted_room(creator: Person, allowed: list[str], version: str = "10") -> str:
    allow = [{"type": "m.room_membership", "room_id": room} for room in allowed]
    content = {"join_rule": "restricted", "allow": allow}
    rules = [{"type": "m.room.join_rules", "state_key": "", "content": content}]
    body = {"preset": "private_chat", "room_version": version, "initial_state": rules}
    room: str = (await creator.post("/createRoom", body)).must()["room_id"]
    return room


async def tries(person: Person, room: str, *via: Person) -> tuple[int, str | None]:
    params = [("via", other.tenant.server_name) for other in via]
    reply = await person.call("POST", f"/join/{room}", {}, params=params)
    return reply.status, reply.body.get("errcode")


@pytest.mark.parametrize("version", VERSIONS)
async def test_members_of_the_allowed_room_come_in(alice: Person, bob: Person, version: str) -> None:
    space = await public_room(alice)
    room = await restricted_room(alice, [space], version)
    assert await tries(bob, room, alice) == (403, "M_FORBIDDEN")
    await join(bob, space, alice)
    await join(bob, room, alice)
    member = await bob.get(f"/rooms/{room}/state/m.room.member/{bob.user_id}")
    assert member.must()["join_authorised_via_users_server"] == alice.user_id
    assert await state_ids(bob, room) == await state_ids(alice, room)


async def test_the_join_bears_the_signature_of_who_grants_it(alice: Person, bob: Person) -> None:
    space = await public_room(alice)
    room = await restricted_room(alice, [space])
    await join(bob, space, alice)
    await join(bob, room, alice)
    for person in (alice, bob):
        synced = (await person.get("/sync", filter='{"event_format":"federation"}')).must()
        events = synced["rooms"]["join"][room]["timeline"]["events"]
        (event,) = [event for event in events if event.get("state_key") == bob.user_id]
        assert set(event["signatures"]) == {alice.tenant.server_name, bob.tenant.server_name}


async def test_a_room_that_the_resident_does_not_know(alice: Person, bob: Person, carol: Person) -> None:
    elsewhere = await public_room(carol)
    room = await restricted_room(alice, [elsewhere])
    assert await tries(bob, room, alice) == (400, "M_UNABLE_TO_AUTHORISE_JOIN")


async def test_nobody_here_may_invite(server: Homeserver, alice: Person, bob: Person, carol: Person) -> None:
    """Bob's server is in the room, and has nobody who may grant a join; alice's does it."""
    space = await public_room(alice)
    room = await restricted_room(alice, [space])
    levels = (await alice.get(f"/rooms/{room}/state/m.room.power_levels")).must().body
    (await alice.put(f"/rooms/{room}/state/m.room.power_levels", {**levels, "invite": 50})).must()
    await join(carol, space, alice)
    await join(bob, space, alice)  # after carol, so that bob's server sees her there
    await join(bob, room, alice)
    assert await tries(carol, room, bob) == (400, "M_UNABLE_TO_GRANT_JOIN")
    assert await tries(carol, room, bob, alice) == (200, None)
    dora = await server.person(bob.tenant, "dora")
    assert await tries(dora, room) == (403, "M_FORBIDDEN")
    await join(dora, space, alice)


async def test_malformed_conditions_let_nobody_in(alice: Person, bob: Person) -> None:
    space = await public_room(alice)
    room = await restricted_room(alice, [space])
    await join(bob, space, alice)
    malformed: list[Any] = [
        [],
        "all",
        [1],
        [{}],
        [{"type": "m.room_membership"}],
        [{"type": "x", "room_id": space}],
    ]
    for allow in malformed:
        path = f"/rooms/{room}/state/m.room.join_rules"
        (await alice.put(path, {"join_rule": "restricted", "allow": allow})).must()
        assert await tries(bob, room, alice) == (403, "M_FORBIDDEN")


async def test_servers_of_a_room_that_was_left_are_not_asked_when_others_are_named(
    alice: Person, bob: Person, carol: Person
) -> None:
    """Bob's server is no more in the space and cannot tell; that alice's could, carol's server knows of old."""
    space = await public_room(alice)
    room = await restricted_room(alice, [space])
    for person in (bob, carol):
        await join(person, space, alice)
        await join(person, room, alice)
    for person, left in ((carol, room), (bob, space)):
        (await person.post(f"/rooms/{left}/leave")).must()

    async def has_left() -> bool:
        return await membership(bob, room, carol) == "leave"

    assert await eventually(has_left)
    assert await tries(carol, room, bob) == (400, "M_UNABLE_TO_AUTHORISE_JOIN")
    assert await tries(carol, room) == (200, None)


async def test_whoever_granted_a_join_is_not_for_its_user_to_say(alice: Person, bob: Person) -> None:
    space = await public_room(alice)
    room = await restricted_room(alice, [space])
    await join(bob, space, alice)
    await join(bob, room, alice)
    content = {"membership": "join", "displayname": "Bobby"}
    path = f"/rooms/{room}/state/m.room.member/{bob.user_id}"
    (await bob.put(path, {**content, "join_authorised_via_users_server": "@x:elsewhere.example"})).must()
    assert (await bob.get(path)).must().body == content


async def test_an_invite_needs_no_grant(alice: Person, bob: Person) -> None:
    room = await restricted_room(alice, [await public_room(alice)])
    (await alice.post(f"/rooms/{room}/invite", {"user_id": bob.user_id})).must()
    (await bob.post(f"/rooms/{room}/join")).must()
    assert await membership(alice, room, bob) == "join"
