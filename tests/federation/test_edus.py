"""What other servers tell beside events: for their own users only, in rooms where these are (RELIABILITY C2)."""

from typing import Any

import msgspec
import pytest

from tests.support.federation import as_server
from tests.support.guests import Guest
from tests.support.homeserver import Homeserver, Person, Reply
from tests.support.talk import room_with
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant
from timserver.usecases.federation.edus import EDU_HANDLERS

QUIET_MS = 700
"""Longer than the server's poll: what has not come until then does not come."""


class World(msgspec.Struct):
    """A room of alice's, in which is bob of another server."""

    server: Homeserver
    here: Tenant
    alice: Person
    bob: Guest
    room: str

    async def told(self, edu_type: str, content: Any, origin: str | None = None) -> None:
        """bob's server (or another) tells something."""
        sender = ServerName(origin or self.bob.server_name)
        await EDU_HANDLERS[edu_type](self.server.ctx, self.here, sender, content)

    async def says(self, text: str) -> str:
        body = {"msgtype": "m.text", "body": text}
        reply = await self.alice.put(f"/rooms/{self.room}/send/m.room.message/{text}", body)
        event_id: str = reply.must()["event_id"]
        return event_id

    async def synced(self, since: str | None = None) -> Reply:
        """What is new; handlers run beside the server, which hears of it as from another of its processes."""
        more = {"since": since} if since else {}
        return (await self.alice.get("/sync", timeout=QUIET_MS if since else 0, **more)).must()

    def ephemeral(self, synced: Reply, kind: str) -> list[Any]:
        room = synced["rooms"]["join"].get(self.room, {}) if "rooms" in synced.body else {}
        events = room.get("ephemeral", {}).get("events", [])
        return [event["content"] for event in events if event["type"] == kind]

    def receipt(self, event_id: str, user_id: str | None = None, **data: object) -> dict[str, Any]:
        entry = {"event_ids": [event_id], "data": {"ts": 1_000, **data}}
        return {self.room: {"m.read": {user_id or self.bob.user_id: entry}}}


@pytest.fixture
async def world(server: Homeserver) -> World:
    here, there = await server.tenant(), await server.tenant()
    alice = await server.person(here, "alice")
    room = await room_with(alice, preset="public_chat", room_version="10")
    peer = await as_server(server, there)
    bob = Guest(server.ctx, here, f"@bob:{there.server_name}", peer.key)
    await bob.joins(room)
    return World(server, here, alice, bob, room)


async def test_somebody_elsewhere_types(world: World) -> None:
    content = {"room_id": world.room, "user_id": world.bob.user_id, "typing": True}
    await world.told("m.typing", content)
    synced = await world.synced()
    assert world.ephemeral(synced, "m.typing") == [{"user_ids": [world.bob.user_id]}]
    await world.told("m.typing", {**content, "typing": False})
    later = await world.synced(synced["next_batch"])
    assert world.ephemeral(later, "m.typing") == [{"user_ids": []}]
    await world.told("m.typing", {**content, "typing": False})
    assert not world.ephemeral(await world.synced(later["next_batch"]), "m.typing")


async def test_nobody_types_for_others_or_from_outside(world: World) -> None:
    content = {"room_id": world.room, "user_id": world.alice.user_id, "typing": True}
    with pytest.raises(errors.Forbidden):
        await world.told("m.typing", content)
    with pytest.raises(errors.Forbidden):
        await world.told("m.typing", {**content, "user_id": world.bob.user_id}, origin="evil.example.net")
    with pytest.raises(errors.Forbidden):
        await world.told("m.typing", {**content, "user_id": f"@stranger:{world.bob.server_name}"})
    other = await room_with(world.alice)
    with pytest.raises(errors.Forbidden):
        await world.told("m.typing", {**content, "user_id": world.bob.user_id, "room_id": other})
    for bad in ({}, {**content, "typing": "yes"}, {**content, "room_id": "x", "user_id": world.bob.user_id}):
        with pytest.raises(errors.BadJson):
            await world.told("m.typing", bad)
    assert not world.ephemeral(await world.synced(), "m.typing")


async def test_receipts_go_forward(world: World) -> None:
    first, second = await world.says("first"), await world.says("second")
    await world.told("m.receipt", world.receipt(second))
    synced = await world.synced()
    (content,) = world.ephemeral(synced, "m.receipt")
    assert content[second]["m.read"] == {world.bob.user_id: {"ts": 1_000}}
    await world.told("m.receipt", world.receipt(first))
    assert not world.ephemeral(await world.synced(synced["next_batch"]), "m.receipt")
    await world.told("m.receipt", world.receipt(first, thread_id="main"))
    (content,) = world.ephemeral(await world.synced(synced["next_batch"]), "m.receipt")
    assert content[first]["m.read"] == {world.bob.user_id: {"ts": 1_000, "thread_id": "main"}}


async def test_c2_forged_receipts_change_nothing(world: World) -> None:
    """CVE-2023-42453: of others' users, outside of the room, on events that the user cannot see; and they spoil no good
    one.
    """
    said = await world.says("said")
    elsewhere = await room_with(world.alice)
    hidden = (await world.alice.put(f"/rooms/{elsewhere}/send/m.room.message/1", {})).must()["event_id"]
    content: dict[str, Any]
    for content in (
        world.receipt(said, world.alice.user_id),
        world.receipt(said, f"@stranger:{world.bob.server_name}"),
        world.receipt(hidden),
        world.receipt("$unknown"),
        world.receipt("nonsense"),
        world.receipt(said, thread_id=7),
        world.receipt(said, thread_id="$other"),
        {elsewhere: world.receipt(hidden)[world.room]},
        {"nonsense": world.receipt(said)[world.room]},
        {world.room: {"m.read.private": world.receipt(said)[world.room]["m.read"]}},
        {world.room: {"m.read": {world.bob.user_id: {"event_ids": []}}}},
    ):
        await world.told("m.receipt", content)
    await world.told("m.receipt", world.receipt(said), origin="evil.example.net")
    assert not world.ephemeral(await world.synced(), "m.receipt")
    mixed = world.receipt(said)
    mixed[world.room]["m.read"][world.alice.user_id] = {"event_ids": [said]}
    await world.told("m.receipt", mixed)
    (content,) = world.ephemeral(await world.synced(), "m.receipt")
    assert list(content[said]["m.read"]) == [world.bob.user_id]


async def test_a_barred_server_is_not_heard_in_the_room(world: World) -> None:
    said = await world.says("said")
    acl = {"allow": ["*"], "deny": [world.bob.server_name]}
    (await world.alice.put(f"/rooms/{world.room}/state/m.room.server_acl/", acl)).must()
    await world.told("m.receipt", world.receipt(said))
    content = {"room_id": world.room, "user_id": world.bob.user_id, "typing": True}
    with pytest.raises(errors.Forbidden):
        await world.told("m.typing", content)
    synced = await world.synced()
    assert not [*world.ephemeral(synced, "m.receipt"), *world.ephemeral(synced, "m.typing")]


async def test_presence_of_who_shares_a_room(world: World) -> None:
    def push(user_id: str, presence: str, **more: object) -> dict[str, object]:
        return {"user_id": user_id, "presence": presence, "last_active_ago": 5_000, **more}

    updates = [
        push(world.bob.user_id, "online", status_msg="here"),
        push(world.alice.user_id, "offline"),
        push(f"@stranger:{world.bob.server_name}", "online"),
        push(world.bob.user_id, "nonsense"),
        {"user_id": 7},
        "nonsense",
    ]
    since = (await world.synced())["next_batch"]
    await world.told("m.presence", {"push": updates})
    synced = await world.synced(since)
    (event,) = [e for e in synced["presence"]["events"] if e["sender"] != world.alice.user_id]
    assert event["sender"] == world.bob.user_id
    assert (event["content"]["presence"], event["content"]["status_msg"]) == ("online", "here")
    assert event["content"]["last_active_ago"] >= 5_000
    await world.told("m.presence", {"push": updates[:1]})
    assert "presence" not in (await world.synced(synced["next_batch"])).body, "no news"


async def test_messages_to_devices_come_once(world: World) -> None:
    content = {
        "sender": world.bob.user_id,
        "type": "m.test",
        "message_id": "one",
        "messages": {
            world.alice.user_id: {world.alice.device_id: {"n": 1}, "UNKNOWN": {"n": 2}},
            f"@nobody:{world.here.server_name}": {"*": {"n": 3}},
            world.bob.user_id: {"*": {"n": 4}},
        },
    }
    for _ in range(2):
        await world.told("m.direct_to_device", content)
    everybody = {"messages": {world.alice.user_id: {"*": {"n": 5}}}, "message_id": "two"}
    await world.told("m.direct_to_device", {**content, **everybody})
    events = (await world.synced())["to_device"]["events"]
    assert [event["content"]["n"] for event in events] == [1, 5]
    assert {event["sender"] for event in events} == {world.bob.user_id}
    for forged, origin in ((world.alice.user_id, None), (world.bob.user_id, "evil.example.net")):
        with pytest.raises(errors.Forbidden):
            await world.told("m.direct_to_device", {**content, "sender": forged, "message_id": "3"}, origin)
