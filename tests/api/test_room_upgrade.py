"""Rooms replaced by rooms of another version."""

import pytest

from tests.support.homeserver import Person
from tests.support.talk import room_with


@pytest.mark.parametrize("version", ["11", "12"])
async def test_an_upgrade_moves_the_room(alice: Person, bob: Person, version: str) -> None:
    room = await room_with(alice, bob, room_version="10", name="Praxis", room_alias_name="praxis")
    (await alice.put(f"/rooms/{room}/state/m.room.topic", {"topic": "t"})).must()
    (await alice.put(f"/directory/list/room/{room}", {"visibility": "public"})).must()
    new = (await alice.post(f"/rooms/{room}/upgrade", {"new_version": version})).must()["replacement_room"]
    tombstone = (await bob.get(f"/rooms/{room}/state/m.room.tombstone")).must()
    assert tombstone["replacement_room"] == new
    create = (await alice.get(f"/rooms/{new}/state/m.room.create")).must()
    assert create["predecessor"]["room_id"] == room
    assert create["room_version"] == version
    for name in ("m.room.name", "m.room.topic", "m.room.join_rules", "m.room.history_visibility"):
        old_content = (await alice.get(f"/rooms/{room}/state/{name}")).must().body
        assert (await alice.get(f"/rooms/{new}/state/{name}")).must().body == old_content
    alias = f"%23praxis:{alice.tenant.server_name}"
    assert (await bob.get(f"/directory/room/{alias}")).must()["room_id"] == new
    canonical = (await alice.get(f"/rooms/{new}/state/m.room.canonical_alias")).must()
    assert canonical["alias"] == f"#praxis:{alice.tenant.server_name}"
    assert (await bob.get(f"/directory/list/room/{new}")).must()["visibility"] == "public"
    assert (await bob.get(f"/directory/list/room/{room}")).must()["visibility"] == "private"
    message = {"msgtype": "m.text", "body": "too late"}
    (await bob.put(f"/rooms/{room}/send/m.room.message/1", message)).must(403, "M_FORBIDDEN")
    (await alice.put(f"/rooms/{new}/send/m.room.message/1", message)).must()


async def test_an_upgrade_needs_power_and_a_known_version(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    (await bob.post(f"/rooms/{room}/upgrade", {"new_version": "11"})).must(403, "M_FORBIDDEN")
    reply = await alice.post(f"/rooms/{room}/upgrade", {"new_version": "no such"})
    reply.must(400, "M_UNSUPPORTED_ROOM_VERSION")
    (await alice.get(f"/rooms/{room}/state/m.room.tombstone")).must(404, "M_NOT_FOUND")


async def test_bans_are_taken_along(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob, preset="public_chat")
    (await alice.post(f"/rooms/{room}/ban", {"user_id": bob.user_id, "reason": "x"})).must()
    new = (await alice.post(f"/rooms/{room}/upgrade", {"new_version": "11"})).must()["replacement_room"]
    (await bob.post(f"/rooms/{new}/join")).must(403, "M_FORBIDDEN")


async def test_who_replaces_a_room_by_hand_keeps_the_settings(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    tags = f"/user/{alice.user_id}/rooms"
    (await alice.put(f"{tags}/{room}/tags/u.work", {"order": 0.5})).must()
    (await alice.put(f"/pushrules/global/room/{room}", {"actions": ["notify"]})).must()
    made = {"creation_content": {"predecessor": {"room_id": room}}}
    new = (await alice.post("/createRoom", made)).must()["room_id"]
    foreign = (await bob.post("/createRoom", made)).must()["room_id"]
    tombstone = f"/rooms/{room}/state/m.room.tombstone"
    for wrong in ({}, {"replacement_room": 1}, {"replacement_room": foreign}, {"replacement_room": "!a:b"}):
        (await alice.put(tombstone, wrong)).must()
    (await alice.get(f"/pushrules/global/room/{new}")).must(404)
    (await alice.put(tombstone, {"body": "moved", "replacement_room": new})).must()
    assert (await alice.get(f"{tags}/{new}/tags")).must()["tags"] == {"u.work": {"order": 0.5}}
    assert (await alice.get(f"/pushrules/global/room/{new}")).must()["actions"] == ["notify"]
    (await alice.get(f"/pushrules/global/room/{foreign}")).must(404)
    assert (await alice.get(f"{tags}/{foreign}/tags")).must()["tags"] == {}
