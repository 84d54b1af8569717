import pytest

from tests.support.homeserver import PASSWORD, Homeserver, Person
from timserver.tenancy import Tenant


@pytest.fixture
async def root(server: Homeserver, tenant: Tenant) -> Person:
    return await server.person(tenant, "root", is_admin=True)


async def test_a_locked_account_keeps_its_tokens_but_may_only_log_out(
    server: Homeserver, root: Person, alice: Person
) -> None:
    path = f"/_matrix/client/v1/admin/lock/{alice.user_id}"
    phone = await server.logged_in(alice.tenant, "alice", "PHONE")
    login = {"type": "m.login.password", "user": "alice", "password": PASSWORD}
    nobody = server.nobody(alice.tenant)
    renewable = (await nobody.post("/login", {**login, "refresh_token": True})).must()
    assert (await root.get(path)).must().body == {"locked": False}
    assert (await root.put(path, {"locked": True})).must().body == {"locked": True}
    assert (await root.get(path)).must().body == {"locked": True}
    assert (await alice.get("/account/whoami")).must(401, "M_USER_LOCKED")["soft_logout"] is True
    (await nobody.post("/login", login)).must(401, "M_USER_LOCKED")
    refresh = {"refresh_token": renewable["refresh_token"]}
    (await nobody.post("/refresh", refresh)).must(401, "M_USER_LOCKED")
    (await phone.post("/logout")).must()
    (await root.put(path, {"locked": False})).must()
    (await alice.get("/account/whoami")).must()
    (await phone.get("/account/whoami")).must(401, "M_UNKNOWN_TOKEN")


async def test_a_suspended_account_reads_but_shows_nothing_new(root: Person, alice: Person) -> None:
    path = f"/_matrix/client/v1/admin/suspend/{alice.user_id}"
    room = (await alice.post("/createRoom")).must()["room_id"]
    (await root.put(path, {"suspended": True})).must()
    assert (await root.get(path)).must().body == {"suspended": True}
    (await alice.get("/account/whoami")).must()
    name = f"/profile/{alice.user_id}/displayname"
    (await alice.put(name, {"displayname": "x"})).must(403, "M_USER_SUSPENDED")
    (await alice.post("/createRoom")).must(403, "M_USER_SUSPENDED")
    for what in ("send/m.room.message/1", "state/m.room.topic", f"typing/{alice.user_id}"):
        (await alice.put(f"/rooms/{room}/{what}", {})).must(403, "M_USER_SUSPENDED")
    (await alice.post(f"/rooms/{room}/leave")).must()
    (await alice.get("/sync", timeout=0)).must()
    (await root.put(path, {"suspended": False})).must()
    (await alice.put(name, {"displayname": "x"})).must()


@pytest.mark.parametrize("what", ["lock", "suspend"])
async def test_who_may_be_moderated_by_whom(
    root: Person, alice: Person, bob: Person, mallory: Person, what: str
) -> None:
    body = {"locked" if what == "lock" else "suspended": True}
    base = f"/_matrix/client/v1/admin/{what}"
    (await bob.put(f"{base}/{alice.user_id}", body)).must(403, "M_FORBIDDEN")
    (await bob.get(f"{base}/{alice.user_id}")).must(403, "M_FORBIDDEN")
    (await bob.get(f"{base}/@nobody:{root.tenant.server_name}")).must(403, "M_FORBIDDEN")
    (await root.put(f"{base}/{root.user_id}", body)).must(403, "M_FORBIDDEN")
    (await root.put(f"{base}/@nobody:{root.tenant.server_name}", body)).must(404, "M_NOT_FOUND")
    (await root.put(f"{base}/{mallory.user_id}", body)).must(400, "M_INVALID_PARAM")
    (await root.get(f"{base}/{mallory.user_id}")).must(400, "M_INVALID_PARAM")


async def test_whois(root: Person, alice: Person, bob: Person) -> None:
    path = f"/admin/whois/{alice.user_id}"
    seen = (await root.get(path)).must()
    (connection,) = seen["devices"][alice.device_id]["sessions"][0]["connections"]
    assert connection["ip"] == "127.0.0.1"
    assert connection["last_seen"] > 0
    assert (await alice.get(path)).must()["user_id"] == alice.user_id
    (await bob.get(path)).must(403, "M_FORBIDDEN")


async def test_capabilities_tell_administrators_what_they_may(root: Person, alice: Person) -> None:
    name = "m.account_moderation"
    assert (await root.get("/capabilities")).must()["capabilities"][name] == {"suspend": True, "lock": True}
    found = (await alice.get("/capabilities")).must()["capabilities"]
    assert name not in found
    assert found["m.room_versions"]["default"] == "10"
    assert set(found["m.room_versions"]["available"]) == {str(number) for number in range(1, 13)}
