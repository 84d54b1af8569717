from typing import Any

import pytest

from tests.support.crypto import Crypto
from tests.support.homeserver import Homeserver, Person, Reply


async def send(sender: Person, messages: Any, txn_id: str = "t") -> Reply:
    return await sender.put(f"/sendToDevice/m.test/{txn_id}", {"messages": messages})


async def inbox(person: Person, since: str | None = None) -> tuple[list[Any], str]:
    reply = (await person.get("/sync", timeout=0, **({"since": since} if since else {}))).must()
    return reply.body.get("to_device", {}).get("events", []), reply["next_batch"]


async def test_a_message_arrives_once_at_the_named_device(
    server: Homeserver, alice: Person, bob: Person, mallory: Person
) -> None:
    phone = await server.logged_in(bob.tenant, "bob")
    content = {"a": ["ü", {"b": 1}], "\u0000": None}
    (
        await send(alice, {bob.user_id: {phone.device_id: content, "UNKNOWN": {}}, "@nobody:x.y": {"A": {}}})
    ).must()
    events, after = await inbox(phone)
    assert events == [{"sender": alice.user_id, "type": "m.test", "content": content}]
    assert (await inbox(phone))[0] == events
    assert (await inbox(phone, after))[0] == []
    assert (await inbox(bob))[0] == (await inbox(mallory))[0] == []


async def test_a_star_is_every_device_not_named(server: Homeserver, alice: Person, bob: Person) -> None:
    phone = await server.logged_in(bob.tenant, "bob")
    (await send(alice, {bob.user_id: {"*": {"n": 1}, phone.device_id: {"n": 2}}})).must()
    assert [event["content"] for person in (bob, phone) for event in (await inbox(person))[0]] == [
        {"n": 1},
        {"n": 2},
    ]


async def test_a_transaction_is_sent_once_per_device(server: Homeserver, alice: Person, bob: Person) -> None:
    second = await server.logged_in(alice.tenant, "alice")
    for sender in (alice, alice, second):
        (await send(sender, {bob.user_id: {"*": {"from": sender.device_id}}}, "same")).must()
    contents = [event["content"]["from"] for event in (await inbox(bob))[0]]
    assert contents == [alice.device_id, second.device_id]


async def test_messages_to_another_tenants_user_stay_here(alice: Person, mallory: Person) -> None:
    (await send(alice, {mallory.user_id: {"*": {}}})).must()
    assert (await inbox(mallory))[0] == []


@pytest.mark.parametrize("messages", [[], {"@a:b": []}, {"@a:b": {"*": "text"}}, {"@a:b": {"*": [1]}}])
async def test_malformed_messages(alice: Person, messages: Any) -> None:
    (await send(alice, messages)).must(400, "M_BAD_JSON")


async def test_a_new_login_ends_no_inbox_but_a_logout_does(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    (await send(alice, {bob.user_id: {bob.device_id: {}}})).must()
    again = await server.logged_in(bob.tenant, "bob", bob.device_id)
    assert len((await inbox(again))[0]) == 1
    (await again.post("/logout")).must()
    anew = await server.logged_in(bob.tenant, "bob", bob.device_id)
    assert (await inbox(anew))[0] == []


async def room_of(alice: Person, *others: Person) -> str:
    room_id = (await alice.post("/createRoom", {"preset": "public_chat"})).must()["room_id"]
    for other in others:
        (await other.post(f"/join/{room_id}")).must()
    return str(room_id)


async def changes(person: Person, since: str, up_to: str) -> tuple[list[str], list[str]]:
    reply = (await person.call("GET", "/keys/changes", params={"from": since, "to": up_to})).must()
    return reply["changed"], reply["left"]


async def test_key_changes_tell_who_changed_came_and_left(
    server: Homeserver, alice: Person, bob: Person, mallory: Person
) -> None:
    carol = await server.person(alice.tenant)
    room_id = await room_of(alice, bob)
    start = (await inbox(alice))[1]
    (await carol.post("/keys/upload", {"device_keys": Crypto(carol).device_keys()})).must()
    (await bob.post("/keys/upload", {"device_keys": Crypto(bob).device_keys()})).must()
    middle = (await inbox(alice))[1]
    assert await changes(alice, start, middle) == ([bob.user_id], [])
    (await bob.post("/keys/upload", {"device_keys": Crypto(bob).device_keys()})).must(400)
    (await carol.post(f"/join/{room_id}")).must()
    (await bob.post(f"/rooms/{room_id}/leave")).must()
    end = (await inbox(alice))[1]
    assert await changes(alice, middle, end) == ([carol.user_id], [bob.user_id])
    assert await changes(mallory, start, end) == ([], [])
    (await alice.call("GET", "/keys/changes", params={"from": "x", "to": end})).must(400, "M_INVALID_PARAM")


async def test_a_login_and_a_logout_show_in_the_syncs_of_others(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    await room_of(alice, bob)
    since = (await inbox(alice))[1]
    phone = await server.logged_in(bob.tenant, "bob")
    (await phone.post("/keys/upload", {"device_keys": Crypto(phone).device_keys()})).must()
    for step in range(2):
        reply = (await alice.get("/sync", timeout=5000, since=since)).must()
        assert reply["device_lists"]["changed"] == [bob.user_id], step
        since = reply["next_batch"]
        (await phone.post("/logout")).must(200 if step == 0 else 401)
