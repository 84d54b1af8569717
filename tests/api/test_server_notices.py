"""What the server says to its users, and the room it says it in."""

import asyncio
from typing import Any

import pytest

from tests.support.homeserver import PASSWORD, Homeserver, Person, Reply, running, settings_for
from timserver.tenancy import Tenant

PATH = "/_synapse/admin/v1/send_server_notice"
NOTICE = {"msgtype": "m.text", "body": "The server will be away tonight."}


@pytest.fixture
async def root(server: Homeserver, tenant: Tenant) -> Person:
    return await server.person(tenant, "root", is_admin=True)


async def told(root: Person, whom: Person, **more: Any) -> str:
    """Id of a notice."""
    reply = await root.post(PATH, {"user_id": whom.user_id, "content": NOTICE, **more})
    return str(reply.must()["event_id"])


async def invites(whom: Person) -> Any:
    return (await whom.get("/sync", timeout=0)).must().body.get("rooms", {}).get("invite", {})


async def messages(whom: Person, room: str) -> Reply:
    return (await whom.get(f"/rooms/{room}/messages", dir="b")).must()


async def test_a_user_is_invited_by_the_server_and_cannot_refuse(root: Person, alice: Person) -> None:
    event = await told(root, alice)
    ((room, invite),) = (await invites(alice)).items()
    server_user = f"@_server:{alice.tenant.server_name}"
    assert {state["sender"] for state in invite["invite_state"]["events"]} == {server_user}
    (await alice.post(f"/rooms/{room}/leave")).must(403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM")
    (await alice.post(f"/join/{room}")).must()
    assert event in [item["event_id"] for item in (await messages(alice, room))["chunk"]]
    tags = (await alice.get(f"/user/{alice.user_id}/rooms/{room}/tags")).must()["tags"]
    assert tags == {"m.server_notice": {}}


async def test_who_is_told_something_cannot_answer_nor_bring_others(
    root: Person, alice: Person, bob: Person
) -> None:
    await told(root, alice)
    (room,) = await invites(alice)
    (await alice.post(f"/join/{room}")).must()
    (await alice.put(f"/rooms/{room}/send/m.room.message/1", NOTICE)).must(403, "M_FORBIDDEN")
    (await alice.post(f"/rooms/{room}/invite", {"user_id": bob.user_id})).must(403, "M_FORBIDDEN")


async def test_the_room_is_always_the_same_and_who_left_it_is_invited_again(
    root: Person, alice: Person, bob: Person
) -> None:
    await told(root, alice)
    await told(root, bob)
    (room,) = await invites(alice)
    assert list(await invites(bob)) != [room]
    await told(root, alice)
    (await alice.post(f"/join/{room}")).must()
    await told(root, alice)
    assert sum(item["type"] == "m.room.message" for item in (await messages(alice, room))["chunk"]) == 3
    (await alice.post(f"/rooms/{room}/leave")).must()
    await told(root, alice)
    assert list(await invites(alice)) == [room]


async def test_first_notices_at_the_same_moment_come_in_one_room(
    root: Person, alice: Person, bob: Person
) -> None:
    events = await asyncio.gather(*(told(root, whom) for whom in (alice, alice, bob)))
    (room,) = await invites(alice)
    assert list(await invites(bob)) != [room]
    (await alice.post(f"/join/{room}")).must()
    sent = {item["event_id"] for item in (await messages(alice, room))["chunk"]}
    assert sent & set(events) == set(events[:2])


async def test_a_transaction_id_makes_it_once(root: Person, alice: Person) -> None:
    body = {"user_id": alice.user_id, "content": NOTICE}
    first = (await root.put(f"{PATH}/1", body)).must()["event_id"]
    assert (await root.put(f"{PATH}/1", body)).must()["event_id"] == first
    assert (await root.put(f"{PATH}/2", body)).must()["event_id"] != first


async def test_other_events_than_messages(root: Person, alice: Person) -> None:
    event = await told(root, alice, type="m.room.topic", state_key="", content={"topic": "News"})
    (room,) = await invites(alice)
    (await alice.post(f"/join/{room}")).must()
    assert (await alice.get(f"/rooms/{room}/event/{event}")).must()["state_key"] == ""


async def test_only_administrators_to_users_of_this_server(root: Person, alice: Person, bob: Person) -> None:
    (await bob.post(PATH, {"user_id": alice.user_id, "content": NOTICE})).must(403, "M_FORBIDDEN")
    (await bob.call("POST", PATH)).must(403, "M_FORBIDDEN")
    (await root.post(PATH, {"user_id": alice.user_id})).must(400, "M_MISSING_PARAM")
    (await root.post(PATH, {"user_id": "alice", "content": NOTICE})).must(400, "M_INVALID_PARAM")
    (await root.post(PATH, {"user_id": "@alice:example.org", "content": NOTICE})).must(400, "M_INVALID_PARAM")
    nobody = f"@nobody:{root.tenant.server_name}"
    (await root.post(PATH, {"user_id": nobody, "content": NOTICE})).must(404, "M_NOT_FOUND")


async def test_nobody_gets_the_servers_name(server: Homeserver, root: Person, alice: Person) -> None:
    nobody = server.nobody(root.tenant)
    (await nobody.get("/register/available", username="_server")).must(400, "M_EXCLUSIVE")
    wanted = {"username": "_server", "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
    (await nobody.post("/register", wanted)).must(400, "M_EXCLUSIVE")
    await told(root, alice)
    login = {"type": "m.login.password", "user": "_server", "password": ""}
    (await nobody.post("/login", login)).must(403, "M_FORBIDDEN")


async def test_notices_are_off_unless_the_configuration_names_who_sends_them(
    database_url: str,
) -> None:
    async with running(settings_for(database_url)) as server:
        tenant = await server.tenant()
        root = await server.person(tenant, "root", is_admin=True)
        alice = await server.person(tenant, "alice")
        body = {"user_id": alice.user_id, "content": NOTICE}
        (await root.post(PATH, body)).must(404, "M_UNRECOGNIZED")
        taken = {"username": "_server", "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
        (await server.nobody(tenant).post("/register", taken)).must()
