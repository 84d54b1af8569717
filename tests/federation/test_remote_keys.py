"""Keys of other servers' users: asked for, remembered while a room is shared, forgotten in time (RELIABILITY E12)."""

import asyncio
from typing import Any

import msgspec
import pytest

from tests.support.crypto import CURVE, Crypto
from tests.support.federation import Server, as_server
from tests.support.guests import Guest
from tests.support.homeserver import Homeserver, Person, Reply
from tests.support.talk import room_with
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.usecases.federation.edus import EDU_HANDLERS


class World(msgspec.Struct):
    """alice here; bob there, whom alice's server knows as a guest of her rooms."""

    server: Homeserver
    alice: Person
    bob: Person
    crypto: Crypto
    guest: Guest
    peer: Server

    async def keys(self, *device_ids: str) -> Reply:
        """What alice learns of bob."""
        body = {"device_keys": {self.bob.user_id: list(device_ids)}}
        return (await self.alice.post("/keys/query", body)).must()

    async def devices(self, *device_ids: str) -> set[str]:
        return set((await self.keys(*device_ids))["device_keys"].get(self.bob.user_id, {}))

    async def new_device(self) -> Person:
        """bob logs in again; alice's server is not told (no room of his server is shared)."""
        device = await self.server.logged_in(self.bob.tenant, "bob")
        await publish(Crypto(device))
        return device

    async def stream_id(self) -> int:
        uri = f"/_matrix/federation/v1/user/devices/{self.bob.user_id}"
        found: int = (await self.peer.get(self.bob.tenant, uri)).must()["stream_id"]
        return found

    async def told(self, edu_type: str, origin: str | None = None, **content: Any) -> None:
        sender = ServerName(origin or self.bob.tenant.server_name)
        user = {"user_id": self.bob.user_id}
        await EDU_HANDLERS[edu_type](self.server.ctx, self.alice.tenant, sender, {**user, **content})

    async def changed(self, since: str) -> list[str]:
        synced = (await self.alice.get("/sync", since=since, timeout=700)).must()
        changed: list[str] = synced.body.get("device_lists", {}).get("changed", [])
        return changed

    async def since(self) -> str:
        token: str = (await self.alice.get("/sync", timeout=0)).must()["next_batch"]
        return token


async def publish(crypto: Crypto) -> None:
    (await crypto.person.post("/keys/upload", {"device_keys": crypto.device_keys()})).must()


@pytest.fixture
async def world(server: Homeserver) -> World:
    here, there = await server.tenant(), await server.tenant()
    alice, bob = await server.person(here, "alice"), await server.person(there, "bob")
    peer = await as_server(server, there)
    crypto = Crypto(bob)
    await publish(crypto)
    guest = Guest(server.ctx, here, bob.user_id, peer.key)
    return World(server, alice, bob, crypto, guest, await as_server(server, here))


async def shared_room(world: World) -> str:
    room = await room_with(world.alice, preset="public_chat", room_version="10")
    await world.guest.joins(room)
    return room


async def test_keys_of_somebody_elsewhere(world: World) -> None:
    found = await world.keys()
    device = found["device_keys"][world.bob.user_id][world.bob.device_id]
    assert device == {**world.crypto.device_keys(), "unsigned": {}}
    assert found["failures"] == {}
    assert await world.devices("UNKNOWN") == set()
    assert await world.devices(world.bob.device_id) == {world.bob.device_id}
    other = await world.new_device()
    assert await world.devices() == {world.bob.device_id, other.device_id}, "nobody remembers strangers"


async def test_dead_servers_are_failures_and_cost_the_others_nothing(world: World) -> None:
    wanted: dict[str, list[str]] = {
        "@a:nowhere.example.net": [],
        world.bob.user_id: [],
        world.alice.user_id: [],
        f"@nobody:{world.bob.tenant.server_name}": [],
        "nonsense": [],
    }
    found = (await world.alice.post("/keys/query", {"device_keys": wanted, "timeout": 5_000})).must()
    assert list(found["failures"]) == ["nowhere.example.net"]
    assert found["failures"]["nowhere.example.net"]["status"] == 503
    assert set(found["device_keys"][world.bob.user_id]) == {world.bob.device_id}
    wanted_keys = {user: {"X": CURVE} for user in wanted if user != "nonsense"}
    claimed = (await world.alice.post("/keys/claim", {"one_time_keys": wanted_keys})).must()
    assert list(claimed["failures"]) == ["nowhere.example.net"]


async def test_keys_are_claimed_across_servers_exactly_once(world: World) -> None:
    names = [f"k{number:02}" for number in range(12)]
    body = {"one_time_keys": world.crypto.one_time_keys(*names)}
    (await world.bob.post("/keys/upload", body)).must()
    wanted = {"one_time_keys": {world.bob.user_id: {world.bob.device_id: CURVE}}}
    askers = [world.alice, world.bob] * 10
    replies = await asyncio.gather(*(asker.post("/keys/claim", wanted) for asker in askers))
    claimed = [
        key
        for reply in replies
        for key in reply.must()["one_time_keys"].get(world.bob.user_id, {}).get(world.bob.device_id, {})
    ]
    assert sorted(claimed) == [f"{CURVE}:{name}" for name in names]


async def test_a_list_is_remembered_while_a_room_is_shared(world: World) -> None:
    room = await shared_room(world)
    first = world.bob.device_id
    assert await world.devices() == {first}
    known = await world.stream_id()
    second = await world.new_device()
    assert await world.devices() == {first}, "the update has not come"
    since = await world.since()
    keys = Crypto(second).device_keys()
    update: dict[str, Any] = {
        "device_id": second.device_id,
        "stream_id": known + 1_000,
        "prev_id": [known],
        "keys": keys,
    }
    await world.told("m.device_list_update", **update)
    assert await world.changed(since) == [world.bob.user_id]
    found = await world.keys()
    assert found["device_keys"][world.bob.user_id][second.device_id]["keys"] == keys["keys"], "as it was told"
    gone: dict[str, Any] = {
        "device_id": first,
        "stream_id": known + 1_001,
        "prev_id": [known + 1_000],
        "deleted": True,
    }
    await world.told("m.device_list_update", **gone)
    assert await world.devices() == {second.device_id}
    await world.told("m.device_list_update", **{**gone, "device_id": second.device_id})
    assert await world.devices() == {second.device_id}, "an old number is passed over"
    await world.guest.leaves(room)
    assert await world.devices() == {first, second.device_id}, "asked for: nothing is remembered of strangers"
    await world.guest.joins(room)
    third = await world.new_device()
    assert await world.devices() == {first, second.device_id, third.device_id}, (
        "an old list does not come back"
    )


async def test_a_gap_makes_the_list_be_fetched(world: World) -> None:
    await shared_room(world)
    assert await world.devices() == {world.bob.device_id}
    known = await world.stream_id()
    second, third = await world.new_device(), await world.new_device()
    since = await world.since()
    latest = await world.stream_id()
    keys = Crypto(third).device_keys()
    await world.told(
        "m.device_list_update", device_id=third.device_id, stream_id=latest, prev_id=[latest - 1], keys=keys
    )
    assert known < latest - 1
    assert await world.changed(since) == [world.bob.user_id]
    assert await world.devices() == {world.bob.device_id, second.device_id, third.device_id}


async def test_updates_of_others_users_and_for_strangers(world: World) -> None:
    update: dict[str, Any] = {"device_id": "X", "stream_id": 5, "prev_id": []}
    since = await world.since()
    await world.told("m.device_list_update", **update)
    assert await world.changed(since) == [], "no room is shared"
    await shared_room(world)
    since = await world.since()
    for origin in ("evil.example.net", world.alice.tenant.server_name):
        with pytest.raises(errors.Forbidden):
            await world.told("m.device_list_update", origin, **update)
        with pytest.raises(errors.Forbidden):
            await world.told("m.signing_key_update", origin)
    with pytest.raises(errors.BadJson):
        await world.told("m.device_list_update", device_id="X")
    assert await world.changed(since) == []


async def test_cross_signing_keys_of_somebody_elsewhere(world: World) -> None:
    await shared_room(world)
    crypto, bob = world.crypto, world.bob
    (await bob.post("/keys/device_signing/upload", crypto.cross_signing_keys())).must()
    found = await world.keys()
    assert found["master_keys"][bob.user_id]["keys"]
    assert found["self_signing_keys"][bob.user_id]["signatures"]
    assert bob.user_id not in found["user_signing_keys"]
    since = await world.since()
    fresh = Crypto(bob)
    master = fresh.cross_signing_key("master", fresh.master)
    self_signing = fresh.cross_signing_key("self_signing", fresh.self_signing)
    forged = crypto.cross_signing_key("self_signing", crypto.self_signing)
    await world.told("m.signing_key_update", master_key=master, self_signing_key=forged)
    assert await world.changed(since) == [bob.user_id]
    found = await world.keys()
    assert found["master_keys"][bob.user_id] == master
    assert bob.user_id not in found["self_signing_keys"], "not signed by this master key"
    await world.told("m.signing_key_update", master_key=master, self_signing_key=self_signing)
    assert (await world.keys())["self_signing_keys"][bob.user_id] == self_signing


async def test_e12_what_is_remembered_of_others_is_told_to_no_server(world: World) -> None:
    """CVE-2023-43796."""
    await shared_room(world)
    assert await world.devices()
    third = await as_server(world.server, await world.server.tenant())
    here = world.alice.tenant
    uri = f"/_matrix/federation/v1/user/devices/{world.bob.user_id}"
    (await third.get(here, uri)).must(404, "M_NOT_FOUND")
    body: dict[str, Any] = {"device_keys": {world.bob.user_id: []}}
    found = (await third.post(here, "/_matrix/federation/v1/user/keys/query", body)).must()
    assert found.body == {"device_keys": {}, "master_keys": {}, "self_signing_keys": {}}
