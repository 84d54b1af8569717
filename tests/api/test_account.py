import asyncpg

from tests.support.homeserver import PASSWORD, Homeserver, Person
from timserver.tenancy import Tenant
from timserver.usecases.accounts.uia import SESSION_LIFE_MS

NEW_PASSWORD = "another password"


def proof(person: Person, password: str = PASSWORD, **more: object) -> dict[str, object]:
    user = person.user_id
    return {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user},
        "password": password,
        **more,
    }


async def login(server: Homeserver, tenant: Tenant, password: str) -> int:
    body = {"type": "m.login.password", "user": "alice", "password": password}
    return (await server.nobody(tenant).post("/login", body)).status


async def test_a_new_password_ends_the_other_sessions(server: Homeserver, alice: Person) -> None:
    phone = await server.logged_in(alice.tenant, "alice")
    asked = (await alice.post("/account/password", {"new_password": NEW_PASSWORD})).must(401)
    assert asked["flows"] == [{"stages": ["m.login.password"]}]
    body = {"new_password": NEW_PASSWORD, "auth": proof(alice, session=asked["session"])}
    (await alice.post("/account/password", body)).must()
    (await alice.get("/account/whoami")).must()
    (await phone.get("/account/whoami")).must(401, "M_UNKNOWN_TOKEN")
    assert await login(server, alice.tenant, PASSWORD) == 403
    assert await login(server, alice.tenant, NEW_PASSWORD) == 200


async def test_a_new_password_may_leave_the_other_sessions(server: Homeserver, alice: Person) -> None:
    phone = await server.logged_in(alice.tenant, "alice")
    body = {"new_password": NEW_PASSWORD, "logout_devices": False, "auth": proof(alice)}
    (await alice.post("/account/password", body)).must()
    (await phone.get("/account/whoami")).must()


async def test_authentication_is_bound_to_the_request(server: Homeserver, alice: Person, bob: Person) -> None:
    asked = (await alice.post("/account/password", {"new_password": NEW_PASSWORD})).must(401)
    session = asked["session"]
    other_body = {"new_password": "not what was asked", "auth": proof(alice, session=session)}
    (await alice.post("/account/password", other_body)).must(403, "M_FORBIDDEN")
    other_operation = {"auth": proof(alice, session=session)}
    (await alice.post("/account/deactivate", other_operation)).must(403, "M_FORBIDDEN")
    stolen = {"new_password": NEW_PASSWORD, "auth": proof(bob, session=session)}
    (await bob.post("/account/password", stolen)).must(403, "M_FORBIDDEN")
    assert await login(server, alice.tenant, PASSWORD) == 200


async def test_wrong_proofs(alice: Person, bob: Person) -> None:
    body = {"new_password": NEW_PASSWORD}
    wrong = await alice.post("/account/password", {**body, "auth": proof(alice, "wrong")})
    assert wrong.must(401, "M_FORBIDDEN")["session"]
    foreign = await alice.post("/account/password", {**body, "auth": proof(bob)})
    foreign.must(401, "M_FORBIDDEN")
    dummy = {"type": "m.login.dummy", "session": wrong["session"]}
    (await alice.post("/account/password", {**body, "auth": dummy})).must(401, "M_FORBIDDEN")
    unknown = await alice.post("/account/password", {**body, "auth": proof(alice, session="nonsense")})
    assert unknown.must(401)["session"] != "nonsense"
    (await alice.post("/account/password", {"auth": proof(alice)})).must(400, "M_MISSING_PARAM")
    (await alice.post("/account/password", {"new_password": "", "auth": proof(alice)})).must(
        400, "M_WEAK_PASSWORD"
    )


async def test_a_session_can_be_completed_once(alice: Person) -> None:
    body = {"new_password": PASSWORD, "logout_devices": False}
    session = (await alice.post("/account/password", body)).must(401)["session"]
    (await alice.post("/account/password", {**body, "auth": proof(alice, session=session)})).must()
    again = await alice.post("/account/password", {**body, "auth": proof(alice, session=session)})
    assert again.must(401)["session"] != session


async def test_a_session_expires(alice: Person, database_url: str) -> None:
    body = {"new_password": NEW_PASSWORD}
    session = (await alice.post("/account/password", body)).must(401)["session"]
    database = await asyncpg.connect(database_url)
    await database.execute(
        "update uia_session set created_ts = created_ts - $2 where session_id = $1",
        session,
        SESSION_LIFE_MS + 1,
    )
    await database.close()
    late = await alice.post("/account/password", {**body, "auth": proof(alice, session=session)})
    assert late.must(401)["session"] != session


async def test_deactivation_is_for_good(server: Homeserver, alice: Person, bob: Person) -> None:
    room = (await alice.post("/createRoom", {"preset": "public_chat"})).must()["room_id"]
    (await bob.post(f"/rooms/{room}/join")).must()
    (await alice.post("/account/deactivate", {})).must(401)
    reply = (await alice.post("/account/deactivate", {"auth": proof(alice), "erase": True})).must()
    assert reply.body == {"id_server_unbind_result": "no-support"}
    (await alice.get("/account/whoami")).must(401, "M_UNKNOWN_TOKEN")
    assert await login(server, alice.tenant, PASSWORD) == 403
    (await bob.get(f"/profile/{alice.user_id}")).must(404, "M_NOT_FOUND")
    member = await bob.get(f"/rooms/{room}/state/m.room.member/{alice.user_id}")
    assert member.must()["membership"] == "leave"
    taken = {"username": "alice", "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
    (await server.nobody(alice.tenant).post("/register", taken)).must(400, "M_USER_IN_USE")


async def test_addresses_are_not_bound(server: Homeserver, alice: Person) -> None:
    assert (await alice.get("/account/3pid")).must().body == {"threepids": []}
    for path in ("", "/add", "/bind", "/email/requestToken", "/msisdn/requestToken"):
        (await alice.post(f"/account/3pid{path}")).must(403, "M_THREEPID_DENIED")
    for path in ("/delete", "/unbind"):
        reply = (await alice.post(f"/account/3pid{path}")).must()
        assert reply["id_server_unbind_result"] == "no-support"
    for medium in ("email", "msisdn"):
        reset = await server.nobody(alice.tenant).post(f"/account/password/{medium}/requestToken")
        reset.must(400, "M_THREEPID_NOT_FOUND")
