"""What passes between people of two homeservers beside events: typing, receipts, to-device messages, devices."""

from collections.abc import Callable
from typing import Any

from tests.support.crypto import CURVE, Crypto
from tests.support.homeserver import Homeserver, Person, Reply
from tests.support.talk import room_with

WAIT_MS = 3_000
TRIES = 8


async def until(person: Person, wanted: Callable[[Any], Any], since: str | None = None) -> Any:
    """Sync until an answer has what is wanted; what that is."""
    for _ in range(TRIES):
        more = {"since": since} if since else {}
        synced: Reply = (await person.get("/sync", timeout=WAIT_MS if since else 0, **more)).must()
        found = wanted(synced.body)
        if found:
            return found
        since = synced["next_batch"]
    raise AssertionError("it did not come")


async def token(person: Person) -> str:
    found: str = (await person.get("/sync", timeout=0)).must()["next_batch"]
    return found


async def together(alice: Person, bob: Person) -> str:
    """A room of alice's that bob has joined from his server; both know it."""
    room = await room_with(alice, preset="public_chat", room_version="10")
    (await bob.post(f"/join/{room}?via={alice.tenant.server_name}")).must()

    def bob_is_in(synced: Any) -> Any:
        joined = synced.get("rooms", {}).get("join", {}).get(room, {})
        members = [*joined.get("timeline", {}).get("events", []), *joined.get("state", {}).get("events", [])]
        return [event for event in members if event.get("state_key") == bob.user_id]

    await until(alice, bob_is_in)
    return room


def ephemeral(room: str, kind: str) -> Callable[[Any], Any]:
    def find(synced: Any) -> Any:
        events = synced.get("rooms", {}).get("join", {}).get(room, {}).get("ephemeral", {}).get("events", [])
        return next((event["content"] for event in events if event["type"] == kind), None)

    return find


async def test_typing_and_receipts_reach_the_others(server: Homeserver, alice: Person, bob: Person) -> None:
    room = await together(alice, bob)
    since = await token(alice)
    (await bob.put(f"/rooms/{room}/typing/{bob.user_id}", {"typing": True, "timeout": 30_000})).must()
    assert await until(alice, ephemeral(room, "m.typing"), since) == {"user_ids": [bob.user_id]}
    body = {"msgtype": "m.text", "body": "read me"}
    sent = (await alice.put(f"/rooms/{room}/send/m.room.message/1", body)).must()["event_id"]

    def message(synced: Any) -> Any:
        joined = synced.get("rooms", {}).get("join", {}).get(room, {})
        return [e for e in joined.get("timeline", {}).get("events", []) if e["event_id"] == sent]

    await until(bob, message)
    since = await token(alice)
    (await bob.post(f"/rooms/{room}/receipt/m.read/{sent}")).must()
    receipt = await until(alice, ephemeral(room, "m.receipt"), since)
    assert list(receipt[sent]["m.read"]) == [bob.user_id]


async def test_devices_and_messages_to_them(server: Homeserver, alice: Person, bob: Person) -> None:
    room = await together(alice, bob)
    crypto = Crypto(bob)
    since = await token(alice)
    keys = {"device_keys": crypto.device_keys(), "one_time_keys": crypto.one_time_keys("a")}
    (await bob.post("/keys/upload", keys)).must()

    def bob_has_changed(synced: Any) -> bool:
        return bob.user_id in synced.get("device_lists", {}).get("changed", [])

    await until(alice, bob_has_changed, since)
    found = (await alice.post("/keys/query", {"device_keys": {bob.user_id: []}})).must()
    assert set(found["device_keys"][bob.user_id]) == {bob.device_id}
    wanted = {"one_time_keys": {bob.user_id: {bob.device_id: CURVE}}}
    claimed = (await alice.post("/keys/claim", wanted)).must()["one_time_keys"]
    assert list(claimed[bob.user_id][bob.device_id]) == [f"{CURVE}:a"]
    since = await token(bob)
    message = {"messages": {bob.user_id: {bob.device_id: {"secret": 1}}}}
    (await alice.put("/sendToDevice/m.test/1", message)).must()
    events = await until(bob, lambda synced: synced.get("to_device", {}).get("events"), since)
    assert events == [{"sender": alice.user_id, "type": "m.test", "content": {"secret": 1}}]
    since = await token(alice)
    other = await server.logged_in(bob.tenant, "bob")
    (await other.post("/keys/upload", {"device_keys": Crypto(other).device_keys()})).must()
    await until(alice, bob_has_changed, since)
    found = (await alice.post("/keys/query", {"device_keys": {bob.user_id: []}})).must()
    assert set(found["device_keys"][bob.user_id]) == {bob.device_id, other.device_id}
    since = await token(alice)
    (await bob.post(f"/rooms/{room}/leave")).must()
    left = await until(alice, lambda synced: synced.get("device_lists", {}).get("left"), since)
    assert left == [bob.user_id]
