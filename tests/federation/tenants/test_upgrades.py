"""A room with members of several homeservers is replaced: all hear of it, find the new room, and keep their settings."""

from typing import Any

import pytest

from tests.support.homeserver import Homeserver, Person
from tests.support.rooms_between import eventually, join, membership, private_room, public_room, shown


async def upgrade(person: Person, room: str, version: str = "11") -> str:
    reply = await person.post(f"/rooms/{room}/upgrade", {"new_version": version})
    new: str = reply.must()["replacement_room"]
    return new


async def replacement(reader: Person, room: str) -> Any:
    """The new room's id and who says so, as a reader of the old room is told."""

    async def tombstone() -> Any:
        events = (await reader.get(f"/rooms/{room}/state")).must().body
        return next((event for event in events if event["type"] == "m.room.tombstone"), None)

    event = await eventually(tombstone)
    return event["content"]["replacement_room"], event["sender"]


@pytest.mark.parametrize("version", ["11", "12"])
async def test_members_elsewhere_follow_the_tombstone(alice: Person, bob: Person, version: str) -> None:
    room = await public_room(alice, "10", name="Praxis")
    await join(bob, room, alice)
    new = await upgrade(alice, room, version)
    assert await replacement(bob, room) == (new, alice.user_id)
    via = {"via": alice.user_id.partition(":")[2]}
    (await bob.call("POST", f"/join/{new}", {}, params=via)).must()
    assert await membership(alice, new, bob) == "join"
    create = (await bob.get(f"/rooms/{new}/state/m.room.create")).must()
    assert create["predecessor"]["room_id"] == room
    assert (await bob.get(f"/rooms/{new}/state/m.room.name")).must().body == {"name": "Praxis"}
    (await bob.put(f"/rooms/{new}/send/m.room.message/1", {"msgtype": "m.text", "body": "here"})).must()


async def test_the_old_room_is_closed_for_members_elsewhere(alice: Person, bob: Person) -> None:
    room = await public_room(alice, "10")
    await join(bob, room, alice)
    await upgrade(alice, room)

    async def is_closed() -> bool:
        levels = (await bob.get(f"/rooms/{room}/state/m.room.power_levels")).must().body
        return bool(levels.get("events_default") == 50)

    assert await eventually(is_closed)
    reply = await bob.put(f"/rooms/{room}/send/m.room.message/1", {"msgtype": "m.text", "body": "late"})
    reply.must(403, "M_FORBIDDEN")


async def test_who_has_the_power_elsewhere_may_replace_it(alice: Person, bob: Person) -> None:
    room = await public_room(alice, "10")
    await join(bob, room, alice)
    levels = (await alice.get(f"/rooms/{room}/state/m.room.power_levels")).must().body
    levels["users"][bob.user_id] = 100
    (await alice.put(f"/rooms/{room}/state/m.room.power_levels", levels)).must()

    async def has_power() -> bool:
        seen = (await bob.get(f"/rooms/{room}/state/m.room.power_levels")).must().body
        return bob.user_id in seen["users"]

    await eventually(has_power)
    new = await upgrade(bob, room)
    assert await replacement(alice, room) == (new, bob.user_id)
    await join(alice, new, bob)
    assert await membership(bob, new, alice) == "join"


async def test_the_invited_follow_into_a_private_room(alice: Person, bob: Person) -> None:
    room = await private_room(alice, "10")
    (await alice.post(f"/rooms/{room}/invite", {"user_id": bob.user_id})).must()
    (await bob.post(f"/rooms/{room}/join")).must()
    new = await upgrade(alice, room)
    await replacement(bob, room)
    via = {"via": alice.tenant.server_name}
    (await bob.call("POST", f"/join/{new}", {}, params=via)).must(403, "M_FORBIDDEN")
    (await alice.post(f"/rooms/{new}/invite", {"user_id": bob.user_id})).must()
    (await bob.post(f"/rooms/{new}/join")).must()
    assert await shown(bob, new, "join")


async def personalize(person: Person, room: str, about: Person) -> None:
    """A tag, two push rules and a place among the direct chats."""
    own = f"/user/{person.user_id}"
    (await person.put(f"{own}/rooms/{room}/tags/m.favourite", {"order": 0.5})).must()
    (await person.put(f"{own}/account_data/m.direct", {about.user_id: [room]})).must()
    (await person.put(f"/pushrules/global/room/{room}", {"actions": ["notify"]})).must()
    mute = {
        "actions": [],
        "conditions": [{"kind": "event_match", "key": "room_id", "pattern": room}],
    }
    (await person.put(f"/pushrules/global/override/{room}", mute)).must()


async def settings(person: Person, room: str, about: Person) -> tuple[Any, ...]:
    """What `personalize` has set, as far as it is there for the room."""
    own = f"/user/{person.user_id}"
    tags = (await person.get(f"{own}/rooms/{room}/tags")).must()["tags"]
    direct = (await person.get(f"{own}/account_data/m.direct")).must()[about.user_id]
    rules = (await person.get("/pushrules/global/")).must().body
    room_rules = [rule["actions"] for rule in rules["room"] if rule["rule_id"] == room]
    overrides = [rule["conditions"] for rule in rules["override"] if rule["rule_id"] == room]
    return tags, room in direct, room_rules, overrides


def all_of(room: str) -> tuple[Any, ...]:
    condition = {"kind": "event_match", "key": "room_id", "pattern": room}
    return {"m.favourite": {"order": 0.5}}, True, [["notify"]], [[condition]]


async def test_settings_go_along(server: Homeserver, alice: Person, bob: Person) -> None:
    """Of who upgrades, of who joins at the same server, and of who joins from another one."""
    room = await public_room(alice, "10")
    dora = await server.person(alice.tenant, "dora")
    (await dora.post(f"/join/{room}")).must()
    await join(bob, room, alice)
    for person in (alice, dora, bob):
        await personalize(person, room, alice)
    new = await upgrade(alice, room)
    await replacement(bob, room)
    since = (await bob.get("/sync")).must()["next_batch"]
    await join(bob, new, alice)
    (await dora.put(f"/rooms/{new}/state/m.room.member/{dora.user_id}", {"membership": "join"})).must()
    for person in (alice, dora, bob):
        assert await settings(person, new, alice) == all_of(new)
        assert await settings(person, room, alice) == all_of(room)
    told = (await bob.get("/sync", since=since)).must().body
    assert {event["type"] for event in told["account_data"]["events"]} == {"m.direct", "m.push_rules"}
    data = told["rooms"]["join"][new]["account_data"]["events"]
    assert [event["type"] for event in data] == ["m.tag"]


async def test_settings_stay_with_who_was_not_there(alice: Person, bob: Person, carol: Person) -> None:
    """A room that claims to replace another gets nothing; nor does somebody without a part in the old one."""
    room = await public_room(alice, "10")
    await join(bob, room, alice)
    await personalize(bob, room, alice)
    predecessor = {"predecessor": {"room_id": room, "event_id": "$an_event"}}
    false = await public_room(alice, "10", creation_content=predecessor)
    await join(bob, false, alice)
    assert await settings(bob, false, alice) == ({}, False, [], [])
    new = await upgrade(alice, room)
    await join(carol, new, alice)
    own = f"/user/{carol.user_id}/rooms/{new}/tags"
    assert (await carol.get(own)).must()["tags"] == {}


async def test_own_settings_of_the_new_room_are_kept(alice: Person, bob: Person) -> None:
    room = await public_room(alice, "10")
    await join(bob, room, alice)
    await personalize(bob, room, alice)
    new = await upgrade(alice, room)
    await replacement(bob, room)
    (await bob.put(f"/pushrules/global/room/{new}", {"actions": []})).must()
    await join(bob, new, alice)
    own = f"/user/{bob.user_id}/rooms/{new}/tags"
    (await bob.put(f"{own}/m.lowpriority", {})).must()
    (await bob.call("DELETE", f"{own}/m.favourite")).must()
    await join(bob, new, alice)
    tags, _, rules, _ = await settings(bob, new, alice)
    assert (tags, rules) == ({"m.lowpriority": {}}, [[]])


async def test_a_space_keeps_its_children_on_other_servers(alice: Person, bob: Person) -> None:
    space = await public_room(alice, "10", creation_content={"type": "m.space"})
    child = await public_room(bob, "10", name="Child")
    content = {"via": [bob.tenant.server_name]}
    (await alice.put(f"/rooms/{space}/state/m.space.child/{child}", content)).must()
    await join(bob, space, alice)
    new = await upgrade(alice, space)
    await replacement(bob, space)
    await join(bob, new, alice)
    create = (await bob.get(f"/rooms/{new}/state/m.room.create")).must()
    assert create["type"] == "m.space"
    for person in (alice, bob):
        rooms = (await person.call("GET", f"/_matrix/client/v1/rooms/{new}/hierarchy")).must()["rooms"]
        assert [room["room_id"] for room in rooms] == [new, child]
