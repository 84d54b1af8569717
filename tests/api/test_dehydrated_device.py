from typing import Any
from urllib.parse import quote

from tests.support.crypto import CURVE, Crypto, new_key, public
from tests.support.homeserver import PASSWORD, Homeserver, Person, Reply
from timserver.config import Limits

PATH = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"


def events_of(device_id: str) -> str:
    return f"{PATH}/{quote(device_id, safe='')}/events"


def dehydrated(person: Person) -> tuple[Crypto, dict[str, Any]]:
    """Keys of a device that is no session, and the body that puts it away."""
    device_id = public(new_key())
    crypto = Crypto(Person(person.server, person.tenant, person.user_id, None, device_id))
    body = {
        "device_id": device_id,
        "device_data": {"algorithm": "org.matrix.msc3814.v2", "device_pickle": "p"},
        "initial_device_display_name": "Dehydrated device",
        "device_keys": crypto.device_keys(dehydrated=True),
        "one_time_keys": crypto.one_time_keys("A"),
        "fallback_keys": crypto.one_time_keys("F", fallback=True),
    }
    return crypto, body


async def put(person: Person, body: dict[str, Any]) -> Reply:
    return await person.put(PATH, body)


async def send(sender: Person, to: Person, *numbers: int) -> None:
    for n in numbers:
        messages = {"messages": {to.user_id: {"*": {"n": n}}}}
        (await sender.put(f"/sendToDevice/m.test/{to.device_id}{n}", messages)).must()


async def devices_of(person: Person, user_id: str) -> Any:
    return (await person.post("/keys/query", {"device_keys": {user_id: []}})).must()["device_keys"][user_id]


async def test_put_away_and_taken_up_at_the_next_login(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    crypto, body = dehydrated(alice)
    device_id = body["device_id"]
    (await alice.get(PATH)).must(404, "M_NOT_FOUND")
    assert (await put(alice, body)).must().body == {"device_id": device_id}
    found = (await devices_of(bob, alice.user_id))[device_id]
    assert found == {**body["device_keys"], "unsigned": {"device_display_name": "Dehydrated device"}}
    wanted = {"one_time_keys": {alice.user_id: {device_id: CURVE}}}
    claimed = (await bob.post("/keys/claim", wanted)).must()["one_time_keys"][alice.user_id][device_id]
    assert claimed == crypto.one_time_keys("A")
    (await alice.post("/logout/all")).must()
    await send(bob, alice, 1)
    again = await server.logged_in(alice.tenant, "alice")
    assert (await again.get(PATH)).must().body == {"device_id": device_id, "device_data": body["device_data"]}
    for _ in range(2):
        reply = (await again.get(events_of(device_id))).must()
        assert [event["content"] for event in reply["events"]] == [{"n": 1}]
        assert "next_batch" not in reply.body
    assert (await again.delete(PATH)).must().body == {"device_id": device_id}
    (await again.get(PATH)).must(404, "M_NOT_FOUND")
    assert device_id not in await devices_of(bob, alice.user_id)


async def test_events_are_read_in_batches_by_both_ways(server: Homeserver) -> None:
    tenant = await server.tenant()
    alice, bob = await server.person(tenant), await server.person(tenant)
    _, body = dehydrated(alice)
    (await put(alice, body)).must()
    limit = Limits().sync_to_device_max
    await send(bob, alice, *range(limit + 5))
    path = events_of(body["device_id"])
    first = (await alice.get(path)).must()
    rest = (await alice.call("GET", path, params={"from": first["next_batch"]})).must()
    assert [e["content"]["n"] for e in first["events"] + rest["events"]] == list(range(limit + 5))
    assert "next_batch" not in rest.body
    seen: list[int] = []
    after: dict[str, str] = {}
    while events := (reply := (await alice.post(path, after)).must())["events"]:
        seen += [event["content"]["n"] for event in events]
        after = {"next_batch": reply["next_batch"]}
    assert seen == list(range(limit + 5))


async def test_a_new_one_replaces_the_old_with_all_that_was_its(alice: Person, bob: Person) -> None:
    _, old = dehydrated(alice)
    (await put(alice, old)).must()
    await send(bob, alice, 1)
    _, new = dehydrated(alice)
    (await put(alice, new)).must()
    assert list(await devices_of(bob, alice.user_id)) == [new["device_id"]]
    assert (await alice.get(events_of(new["device_id"]))).must()["events"] == []
    (await alice.get(events_of(old["device_id"]))).must(403, "M_FORBIDDEN")
    (await put(alice, new)).must()
    assert list(await devices_of(bob, alice.user_id)) == [new["device_id"]]


async def test_only_ones_own(alice: Person, bob: Person, mallory: Person) -> None:
    _, body = dehydrated(alice)
    (await put(alice, body)).must()
    for person in (bob, mallory):
        (await person.get(PATH)).must(404, "M_NOT_FOUND")
        (await person.delete(PATH)).must(404, "M_NOT_FOUND")
        (await person.get(events_of(body["device_id"]))).must(403, "M_FORBIDDEN")
        (await put(person, body)).must(400, "M_INVALID_PARAM")


async def test_what_cannot_be_put_away(alice: Person) -> None:
    _, body = dehydrated(alice)
    (await put(alice, {**body, "device_id": "OTHER"})).must(400, "M_INVALID_PARAM")
    own = {**body, "device_id": alice.device_id, "device_keys": Crypto(alice).device_keys()}
    (await put(alice, own)).must(400, "M_INVALID_PARAM")
    (await put(alice, {key: value for key, value in body.items() if key != "device_keys"})).must(400)
    (await alice.get(PATH)).must(404, "M_NOT_FOUND")


async def test_a_new_password_leaves_it_and_its_removal_by_id_does_not(alice: Person, bob: Person) -> None:
    _, body = dehydrated(alice)
    (await put(alice, body)).must()
    auth = {"auth": {"type": "m.login.password", "user": "alice", "password": PASSWORD}}
    (
        await alice.post(
            "/account/password", {"new_password": PASSWORD + "!", "logout_devices": True, **auth}
        )
    ).must()
    (await alice.get(PATH)).must()
    auth = {"auth": {"type": "m.login.password", "user": "alice", "password": PASSWORD + "!"}}
    (await alice.post("/delete_devices", {"devices": [body["device_id"]], **auth})).must()
    (await alice.get(PATH)).must(404, "M_NOT_FOUND")
    assert await devices_of(bob, alice.user_id) == {}
