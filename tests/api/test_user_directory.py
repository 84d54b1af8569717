from typing import Any

from tests.support.homeserver import Homeserver, Person
from timserver.tenancy import Variant


async def found(person: Person, term: str, **more: Any) -> list[str]:
    reply = await person.post("/user_directory/search", {"search_term": term, **more})
    return [item["user_id"] for item in reply.must()["results"]]


async def test_users_are_found_by_id_and_by_name(server: Homeserver, alice: Person, bob: Person) -> None:
    (await alice.put(f"/profile/{alice.user_id}/displayname", {"displayname": 'Dr. "Ä" Müller'})).must()
    reply = await bob.post("/user_directory/search", {"search_term": "müller"})
    assert reply.must().body == {
        "results": [{"user_id": alice.user_id, "display_name": 'Dr. "Ä" Müller'}],
        "limited": False,
    }
    for term in ("ALI", "dr. müll", alice.user_id, "@alice"):
        assert await found(bob, term) == [alice.user_id], term
    for term in ("", "  ", "%", "nobody", "müller nobody"):
        assert await found(bob, term) == [], term


async def test_long_results_are_cut(server: Homeserver, alice: Person) -> None:
    for number in range(3):
        await server.person(alice.tenant, f"many{number}")
    reply = (await alice.post("/user_directory/search", {"search_term": "many", "limit": 2})).must()
    assert len(reply["results"]) == 2
    assert reply["limited"] is True


async def test_other_tenants_are_not_found(alice: Person, mallory: Person) -> None:
    assert await found(mallory, "alice") == [mallory.user_id]


async def test_search_may_be_limited_to_shared_and_listed_rooms(server: Homeserver) -> None:
    for variant in (Variant.EPA, Variant.OFF):
        tenant = await server.tenant(variant, search_all_users=False)
        alice, bob = await server.person(tenant, "alice"), await server.person(tenant, "bob")
        assert await found(bob, "alice") == []
        body = {"preset": "private_chat", "invite": [bob.user_id]}
        room = (await alice.post("/createRoom", body)).must()["room_id"]
        (await bob.post(f"/rooms/{room}/join")).must()
        assert await found(bob, "alice") == [alice.user_id]


async def test_an_epa_tenant_never_shows_others(server: Homeserver) -> None:
    tenant = await server.tenant(Variant.EPA, search_all_users=True)
    await server.person(tenant, "alice")
    bob = await server.person(tenant, "bob")
    assert await found(bob, "alice") == []
