"""Aliases, what rooms say of them, and the directory of published rooms."""

from typing import Any
from urllib.parse import quote

from tests.support.homeserver import Homeserver, Person, Reply
from tests.support.talk import room_with
from timserver.tenancy import Tenant, Variant


def _path(alias: str) -> str:
    return f"/directory/room/{quote(alias)}"


async def _name(person: Person, alias: str, room: str) -> Reply:
    return await person.put(_path(alias), {"room_id": room})


async def test_an_alias_is_made_found_listed_and_removed(alice: Person, bob: Person, mallory: Person) -> None:
    room = await room_with(alice, bob)
    alias = f"#ärzte:{alice.tenant.server_name}"
    (await alice.get(_path(alias))).must(404, "M_NOT_FOUND")
    (await _name(bob, alias, room)).must()
    found = (await alice.server.nobody(alice.tenant).get(_path(alias))).must()
    assert found.body == {"room_id": room, "servers": [alice.tenant.server_name]}
    assert (await alice.get(f"/rooms/{room}/aliases")).must()["aliases"] == [alias]
    (await _name(alice, alias, room)).must(409, "M_ROOM_IN_USE")
    assert (await mallory.get(_path(alias))).must().body == found.body, "asked by another server"
    (await mallory.get(f"/rooms/{room}/aliases")).must(403, "M_FORBIDDEN")
    (await bob.delete(_path(alias))).must()
    (await bob.delete(_path(alias))).must(404, "M_NOT_FOUND")
    (await alice.get(_path(alias))).must(404, "M_NOT_FOUND")


async def test_who_may_make_and_remove_aliases(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person
) -> None:
    room = await room_with(alice, bob)
    carol = await server.person(tenant, "carol")
    of_alice, of_bob = (f"#{name}:{tenant.server_name}" for name in ("a", "b"))
    (await _name(carol, of_alice, room)).must(403, "M_FORBIDDEN")
    (await carol.get(f"/rooms/{room}/aliases")).must(403, "M_FORBIDDEN")
    (await _name(alice, of_alice, room)).must()
    (await _name(bob, of_bob, room)).must()
    (await bob.delete(_path(of_alice))).must(403, "M_FORBIDDEN")
    (await alice.delete(_path(of_bob))).must()
    (await _name(alice, "#a:elsewhere.example.org", room)).must(400, "M_INVALID_PARAM")
    (await _name(alice, of_bob, "!unknown:example.org")).must(403, "M_FORBIDDEN")
    (await _name(alice, of_bob, "no room")).must(400, "M_INVALID_PARAM")


async def test_a_canonical_alias_must_point_to_the_room(alice: Person, bob: Person) -> None:
    room, elsewhere = await room_with(alice, bob), await room_with(alice)
    mine, other, gone = (f"#{name}:{alice.tenant.server_name}" for name in ("mine", "other", "gone"))
    (await _name(alice, mine, room)).must()
    (await _name(alice, other, elsewhere)).must()
    path = f"/rooms/{room}/state/m.room.canonical_alias"
    for bad in (other, gone):
        (await alice.put(path, {"alias": bad})).must(400, "M_BAD_ALIAS")
        (await alice.put(path, {"alias": mine, "alt_aliases": [bad]})).must(400, "M_BAD_ALIAS")
    for malformed in ("%nonsense", "#no-server"):
        (await alice.put(path, {"alias": malformed})).must(400, "M_INVALID_PARAM")
        (await alice.put(path, {"alt_aliases": [malformed]})).must(400, "M_INVALID_PARAM")
    (await alice.put(path, {"alias": mine, "alt_aliases": [mine]})).must()
    (await alice.delete(_path(mine))).must()
    assert (await bob.get(f"/rooms/{room}/state/m.room.canonical_alias")).must().body == {}


async def _listed(person: Person, **query: Any) -> Reply:
    return (await person.post("/publicRooms", query)).must()


async def test_published_rooms_are_found_by_text_and_paged(
    server: Homeserver, alice: Person, bob: Person, mallory: Person
) -> None:
    wanted = {"visibility": "public", "preset": "public_chat"}
    small = (
        await alice.post("/createRoom", {**wanted, "name": "Labor", "topic": "Blut", "room_alias_name": "l"})
    ).must()["room_id"]
    big = (await alice.post("/createRoom", {**wanted, "name": "Röntgen"})).must()["room_id"]
    hidden = await room_with(alice, name="Hidden")
    (await bob.post(f"/rooms/{big}/join")).must()
    page = (await server.nobody(alice.tenant).get("/publicRooms")).must()
    assert [room["room_id"] for room in page["chunk"]] == [big, small]
    assert page["total_room_count_estimate"] == 2
    assert page["chunk"][1] == {
        "room_id": small,
        "num_joined_members": 1,
        "world_readable": False,
        "guest_can_join": False,
        "join_rule": "public",
        "name": "Labor",
        "topic": "Blut",
        "canonical_alias": f"#l:{alice.tenant.server_name}",
    }
    for term in ("labor", "BLUT"):
        found = await _listed(bob, filter={"generic_search_term": term})
        assert [room["room_id"] for room in found["chunk"]] == [small]
    assert (await _listed(bob, filter={"room_types": ["m.space"]}))["chunk"] == []
    first = await _listed(bob, limit=1)
    second = await _listed(bob, limit=1, since=first["next_batch"])
    assert [room["room_id"] for room in second["chunk"]] == [small]
    assert "next_batch" not in second.body
    assert (await _listed(mallory))["chunk"] == []
    (await server.nobody(alice.tenant).post("/publicRooms")).must(401, "M_MISSING_TOKEN")
    (await bob.put(f"/directory/list/room/{big}", {"visibility": "private"})).must(403, "M_FORBIDDEN")
    (await alice.put(f"/directory/list/room/{big}", {"visibility": "private"})).must()
    (await alice.put(f"/directory/list/room/{hidden}", {"visibility": "public"})).must()
    assert (await bob.get(f"/directory/list/room/{hidden}")).must().body == {"visibility": "public"}
    assert {room["room_id"] for room in (await _listed(bob))["chunk"]} == {small, hidden}
    (await bob.get("/directory/list/room/!unknown:x.org")).must(404, "M_NOT_FOUND")


async def test_a_ti_messenger_shows_no_directory_to_the_public_and_none_to_the_insured(
    server: Homeserver,
) -> None:
    """A_26518 and A_28587."""
    practice, insurer = await server.tenant(Variant.PRO), await server.tenant(Variant.EPA)
    doctor, insured = await server.person(practice), await server.person(insurer)
    for method, body in (("GET", None), ("POST", {"limit": 5})):
        (await server.nobody(practice).call(method, "/publicRooms", body)).must(401, "M_MISSING_TOKEN")
        (await doctor.call(method, "/publicRooms", body)).must()
        (await insured.call(method, "/publicRooms", body)).must(403, "M_FORBIDDEN")
        (await server.nobody(insurer).call(method, "/publicRooms", body)).must(403, "M_FORBIDDEN")
    (await server.nobody(practice).get("/directory/list/room/!x:y.org")).must(401, "M_MISSING_TOKEN")
