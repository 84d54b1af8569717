from typing import Any

from tests.api.test_account import proof
from tests.support.homeserver import PASSWORD, Homeserver, Person


def pusher(key: str, **changes: Any) -> dict[str, Any]:
    return {
        "app_id": "org.example",
        "pushkey": key,
        "kind": "http",
        "app_display_name": "Example",
        "device_display_name": "Phone",
        "lang": "de",
        "data": {"url": "https://push.example.org/_matrix/push/v1/notify"},
        **changes,
    }


async def keys(person: Person) -> list[str]:
    return [item["pushkey"] for item in (await person.get("/pushers")).must()["pushers"]]


async def test_pushers_are_set_replaced_and_removed(alice: Person) -> None:
    (await alice.post("/pushers/set", pusher("a"))).must()
    (await alice.post("/pushers/set", pusher("a", lang="en"))).must()
    (await alice.post("/pushers/set", pusher("b"))).must()
    listed = (await alice.get("/pushers")).must()["pushers"]
    assert listed == [pusher("a", lang="en"), pusher("b")]
    (await alice.post("/pushers/set", {"app_id": "org.example", "pushkey": "a", "kind": None})).must()
    assert await keys(alice) == ["b"]


async def test_a_key_belongs_to_one_user_unless_appended(alice: Person, bob: Person) -> None:
    (await alice.post("/pushers/set", pusher("a"))).must()
    (await bob.post("/pushers/set", pusher("a", append=True))).must()
    assert await keys(alice) == ["a"]
    (await bob.post("/pushers/set", pusher("a"))).must()
    assert await keys(alice) == []


async def test_a_pusher_goes_with_its_device(server: Homeserver, alice: Person) -> None:
    phone = await server.logged_in(alice.tenant, "alice")
    (await phone.post("/pushers/set", pusher("phone"))).must()
    (await alice.post("/pushers/set", pusher("desk"))).must()
    body = {"new_password": PASSWORD, "auth": proof(alice)}
    (await alice.post("/account/password", body)).must()
    assert await keys(alice) == ["desk"]


async def test_incomplete_pushers(alice: Person) -> None:
    (await alice.post("/pushers/set", pusher("a", lang=None))).must(400, "M_MISSING_PARAM")
    (await alice.post("/pushers/set", pusher("a", data={}))).must(400, "M_MISSING_PARAM")
    (await alice.post("/pushers/set", pusher("x" * 513))).must(400, "M_INVALID_PARAM")
    (await alice.post("/pushers/set", pusher("a", app_id="x" * 65))).must(400, "M_INVALID_PARAM")
    assert await keys(alice) == []
