"""Two equal servers on one database (`--workers 2`): what one has cached of a room never hides what the other did."""

from collections.abc import AsyncIterator

import pytest

from tests.support.homeserver import Homeserver, Person, running, settings_for
from tests.support.talk import message_bodies, room_with


@pytest.fixture
async def second(database_url: str) -> AsyncIterator[Homeserver]:
    async with running(settings_for(database_url)) as homeserver:
        yield homeserver


def at(server: Homeserver, person: Person) -> Person:
    return Person(server, person.tenant, person.user_id, person.token, person.device_id)


async def send(person: Person, room: str, text: str) -> None:
    (
        await person.put(f"/rooms/{room}/send/m.room.message/{text}", {"msgtype": "m.text", "body": text})
    ).must()


async def test_who_joined_there_may_send_here(second: Homeserver, alice: Person, bob: Person) -> None:
    room = await room_with(alice)
    await send(at(second, alice), room, "cached by the second")
    (await alice.post(f"/rooms/{room}/invite", {"user_id": bob.user_id})).must()
    (await bob.post(f"/rooms/{room}/join")).must()
    await send(at(second, bob), room, "hello")


async def test_who_left_there_can_join_here_again(second: Homeserver, alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    bob_there = at(second, bob)
    await send(bob_there, room, "here")
    (await bob.post(f"/rooms/{room}/leave")).must()
    (await bob_there.post(f"/rooms/{room}/join")).must(403, "M_FORBIDDEN")
    (await bob_there.put(f"/rooms/{room}/typing/{bob.user_id}", {"typing": True})).must(403, "M_FORBIDDEN")
    (await alice.post(f"/rooms/{room}/invite", {"user_id": bob.user_id})).must()
    (await bob_there.post(f"/rooms/{room}/join")).must()
    members = (await alice.get(f"/rooms/{room}/joined_members")).must()
    assert set(members["joined"]) == {alice.user_id, bob.user_id}


async def test_power_that_was_given_there_counts_here(second: Homeserver, alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    bob_there = at(second, bob)
    (await bob_there.put(f"/rooms/{room}/state/m.room.topic", {"topic": "x"})).must(403, "M_FORBIDDEN")
    levels = (await alice.get(f"/rooms/{room}/state/m.room.power_levels")).must().body
    levels["users"][bob.user_id] = 50
    (await alice.put(f"/rooms/{room}/state/m.room.power_levels", levels)).must()
    (await bob_there.put(f"/rooms/{room}/state/m.room.topic", {"topic": "x"})).must()


async def test_turns_are_kept_in_order(second: Homeserver, alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    texts = [str(number) for number in range(10)]
    for number, text in enumerate(texts):
        await send(at(second, alice) if number % 2 else alice, room, text)
    assert message_bodies((await bob.get("/sync")).must(), room) == texts


async def test_a_session_that_ended_there_soon_ends_here(second: Homeserver, alice: Person) -> None:
    alice_there = at(second, alice)
    (await alice_there.get("/account/whoami")).must()
    (await alice.post("/logout")).must()
    for _ in range(200):
        reply = await alice_there.get("/account/whoami")
        if reply.status == 401:
            break
    reply.must(401, "M_UNKNOWN_TOKEN")


async def test_who_is_ignored_there_is_not_heard_here(second: Homeserver, alice: Person, bob: Person) -> None:
    """A sync remembers whom its user ignores; the log says in order when that changed, and what came after it."""
    room = await room_with(alice, bob)
    there = at(second, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    heard, wanted = list[str](), list[str]()
    for number in range(6):
        ignored: dict[str, dict[str, str]] = {alice.user_id: {}} if number % 2 else {}
        path = f"/user/{bob.user_id}/account_data/m.ignored_user_list"
        (await there.put(path, {"ignored_users": ignored})).must()
        await send(at(second, alice), room, str(number))
        wanted += [] if number % 2 else [str(number)]
        for _ in range(3):
            reply = (await bob.get("/sync", since=since, timeout=200)).must()
            since = reply["next_batch"]
            heard += (
                message_bodies(reply, room) if room in reply.body.get("rooms", {}).get("join", {}) else []
            )
    assert heard == wanted
