"""Device lists across homeservers: exactly who has changed is told, to whom it concerns, soon."""

import asyncio
from typing import Any

from tests.support.crypto import Crypto
from tests.support.homeserver import Homeserver, Person
from tests.support.rooms_between import join, private_room

ENCRYPTION = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
}


async def told(person: Person, since: str) -> tuple[dict[str, Any], str]:
    """The next `device_lists` with anything in them, and the token after them."""
    async with asyncio.timeout(5):
        while True:
            synced = (await person.get("/sync", since=since, timeout=1000)).must()
            since = synced["next_batch"]
            if lists := synced.body.get("device_lists"):
                return lists, since


async def test_a_join_and_a_new_device(server: Homeserver, alice: Person, bob: Person) -> None:
    """Who joins is told of the others and of themselves: their other sessions have lists to look at."""
    room = await private_room(alice, invite=[bob.user_id], initial_state=[ENCRYPTION])
    alice_since = (await alice.get("/sync")).must()["next_batch"]
    bob_since = (await bob.get("/sync")).must()["next_batch"]
    await join(bob, room, alice)
    lists, alice_since = await told(alice, alice_since)
    assert lists == {"changed": [bob.user_id]}
    lists, bob_since = await told(bob, bob_since)
    assert {name: sorted(users) for name, users in lists.items()} == {
        "changed": sorted([alice.user_id, bob.user_id])
    }
    second = await server.logged_in(alice.tenant, "alice", "SECOND")
    (await second.post("/keys/upload", {"device_keys": Crypto(second).device_keys()})).must()
    assert (await told(alice, alice_since))[0] == {"changed": [alice.user_id]}
    assert (await told(bob, bob_since))[0] == {"changed": [alice.user_id]}
    keys = (await bob.post("/keys/query", {"device_keys": {alice.user_id: []}})).must()["device_keys"]
    assert list(keys[alice.user_id]) == ["SECOND"]
