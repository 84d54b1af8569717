"""Knocking on the door of a room of another homeserver."""

import pytest

from tests.support.homeserver import Person
from tests.support.rooms_between import eventually, membership, private_room, public_room, shown

KNOCK = [{"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}]


async def knock(person: Person, room: str, via: Person, status: int = 200) -> None:
    params = {"via": via.tenant.server_name}
    (await person.call("POST", f"/knock/{room}", {"reason": "me"}, params=params)).must(status)


@pytest.mark.parametrize("version", ["7", "10", "11", "12"])
async def test_a_knock_is_seen_and_answered(alice: Person, bob: Person, version: str) -> None:
    room = await private_room(alice, version, initial_state=KNOCK, name="Praxis")
    await knock(bob, room, alice)
    found = await shown(bob, room, "knock")
    assert found is not None
    seen = {event["type"]: event["content"] for event in found["knock_state"]["events"]}
    assert seen["m.room.name"] == {"name": "Praxis"}
    assert "m.room.create" in seen
    assert await membership(alice, room, bob) == "knock"
    await knock(bob, room, alice)  # once more, by a second event
    (await alice.post(f"/rooms/{room}/invite", {"user_id": bob.user_id})).must()
    assert await shown(bob, room, "invite")
    (await bob.post(f"/rooms/{room}/join")).must()
    assert await membership(alice, room, bob) == "join"


async def test_a_knock_is_taken_back(alice: Person, bob: Person) -> None:
    room = await private_room(alice, initial_state=KNOCK)
    await knock(bob, room, alice)
    (await bob.post(f"/rooms/{room}/leave")).must()
    assert await membership(alice, room, bob) == "leave"
    assert await shown(bob, room, "knock") is None


async def test_where_knocking_is_not_the_rule(alice: Person, bob: Person, carol: Person) -> None:
    await knock(bob, await private_room(alice), alice, 403)
    await knock(bob, await public_room(alice), alice, 403)
    await knock(bob, await private_room(alice, "6"), alice, 403)
    await knock(bob, await private_room(alice, initial_state=KNOCK), carol, 404)


async def test_a_knock_that_is_refused_goes_away(alice: Person, bob: Person) -> None:
    room = await private_room(alice, initial_state=KNOCK)
    await knock(bob, room, alice)
    (await alice.post(f"/rooms/{room}/kick", {"user_id": bob.user_id})).must()

    async def is_gone() -> bool:
        return await shown(bob, room, "knock") is None

    assert await eventually(is_gone, patience_s=5)


async def test_who_was_refused_knocks_again(alice: Person, bob: Person) -> None:
    """Whether or not the refusal has come through; an invite or a ban is the end of it."""
    room = await private_room(alice, initial_state=KNOCK)
    for _ in range(3):
        await knock(bob, room, alice)
        assert await membership(alice, room, bob) == "knock"
        (await alice.post(f"/rooms/{room}/kick", {"user_id": bob.user_id})).must()
    (await alice.post(f"/rooms/{room}/invite", {"user_id": bob.user_id})).must()
    await knock(bob, room, alice, 403)
    (await alice.post(f"/rooms/{room}/ban", {"user_id": bob.user_id})).must()
    await knock(bob, room, alice, 403)
