from tests.support.homeserver import PASSWORD, Homeserver, Person
from timserver.tenancy import Tenant


async def test_a_token_tells_who_one_is(alice: Person) -> None:
    reply = (await alice.get("/account/whoami")).must()
    assert reply.body == {"user_id": alice.user_id, "device_id": alice.device_id, "is_guest": False}


async def test_a_token_is_unknown_at_another_tenant(alice: Person, mallory: Person) -> None:
    mallory.token = alice.token
    (await mallory.get("/account/whoami")).must(401, "M_UNKNOWN_TOKEN")


async def test_a_wrong_password_and_an_unknown_user_look_alike(server: Homeserver, alice: Person) -> None:
    nobody = server.nobody(alice.tenant)
    wrong = await nobody.post("/login", {"type": "m.login.password", "user": "alice", "password": "x"})
    unknown = await nobody.post(
        "/login", {"type": "m.login.password", "user": "nobody", "password": PASSWORD}
    )
    assert wrong.must(403, "M_FORBIDDEN").body == unknown.must(403, "M_FORBIDDEN").body


async def test_logout_ends_the_token(alice: Person) -> None:
    (await alice.post("/logout")).must()
    (await alice.get("/account/whoami")).must(401, "M_UNKNOWN_TOKEN")


async def test_a_new_login_on_the_same_device_ends_the_old_session(server: Homeserver, alice: Person) -> None:
    again = await server.logged_in(alice.tenant, "alice", alice.device_id)
    (await again.get("/account/whoami")).must()
    (await alice.get("/account/whoami")).must(401, "M_UNKNOWN_TOKEN")


async def test_unknown_paths_and_methods(server: Homeserver, tenant: Tenant) -> None:
    nobody = server.nobody(tenant)
    (await nobody.get("/nothing")).must(404, "M_UNRECOGNIZED")
    (await nobody.delete("/login")).must(405, "M_UNRECOGNIZED")
    assert (await nobody.call("OPTIONS", "/login")).must().headers["Access-Control-Allow-Origin"] == "*"


async def test_bodies_that_are_no_json_or_lack_something(server: Homeserver, tenant: Tenant) -> None:
    nobody = server.nobody(tenant)
    (await nobody.call("POST", "/login", data=b"{")).must(400, "M_NOT_JSON")
    (await nobody.call("POST", "/login", data=b"[]")).must(400, "M_BAD_JSON")
    (await nobody.post("/login", {})).must(400, "M_MISSING_PARAM")
    (await nobody.get("/account/whoami")).must(401, "M_MISSING_TOKEN")


async def test_capital_letters_in_a_name_are_small_ones(server: Homeserver, alice: Person) -> None:
    for name in ("Alice", alice.user_id.replace("@a", "@A")):
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": name}}
        reply = await server.nobody(alice.tenant).post("/login", {**body, "password": PASSWORD})
        assert reply.must()["user_id"] == alice.user_id


async def test_paths_of_before_matrix_1_1(alice: Person, mallory: Person) -> None:
    reply = await alice.get("/_matrix/client/r0/account/whoami")
    assert reply.must()["user_id"] == alice.user_id
    body = {"msgtype": "m.text", "body": "x"}
    (await mallory.put("/_matrix/client/r0/rooms/!none:example.org/send/m.room.message/1", body)).must(403)
    (await alice.get("/_matrix/client/r0/nothing")).must(404, "M_UNRECOGNIZED")
    (await alice.post("/_matrix/client/r0/account/whoami")).must(405, "M_UNRECOGNIZED")
