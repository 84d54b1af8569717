import hashlib
import hmac

import pytest

from tests.support.homeserver import PASSWORD, SHARED_SECRET, Homeserver, Person, Reply
from timserver.tenancy import Tenant, Variant

DUMMY = {"auth": {"type": "m.login.dummy"}}


async def register(server: Homeserver, tenant: Tenant, username: str, **more: object) -> Reply:
    body = {"username": username, "password": PASSWORD, **DUMMY, **more}
    return await server.nobody(tenant).post("/register", body)


async def test_registration_asks_for_a_stage_and_then_gives_a_session(
    server: Homeserver, tenant: Tenant
) -> None:
    nobody = server.nobody(tenant)
    body = {"username": "Carol", "password": PASSWORD, "device_id": "PHONE"}
    asked = (await nobody.post("/register", body)).must(401)
    assert asked["flows"] == [{"stages": ["m.login.dummy"]}]
    assert "errcode" not in asked.body
    done = await nobody.post(
        "/register", {**body, "auth": {"type": "m.login.dummy", "session": asked["session"]}}
    )
    done.must()
    assert done["user_id"] == f"@carol:{tenant.server_name}"
    assert done["device_id"] == "PHONE"
    assert "refresh_token" not in done.body
    carol = Person(server, tenant, done["user_id"], done["access_token"], "PHONE")
    assert (await carol.get("/account/whoami")).must()["user_id"] == carol.user_id
    assert (await server.logged_in(tenant, "carol")).token


async def test_a_body_without_anything_shows_the_flows(server: Homeserver, tenant: Tenant) -> None:
    asked = (await server.nobody(tenant).post("/register", {})).must(401)
    assert asked["flows"]


async def test_a_wrong_stage_is_told_and_the_session_goes_on(server: Homeserver, tenant: Tenant) -> None:
    wrong = await register(server, tenant, "carol", auth={"type": "m.login.password"})
    wrong.must(401, "M_FORBIDDEN")
    right = {"type": "m.login.dummy", "session": wrong["session"]}
    (await register(server, tenant, "carol", auth=right)).must()


async def test_names_that_are_taken_or_malformed(server: Homeserver, tenant: Tenant, other: Tenant) -> None:
    (await register(server, tenant, "carol")).must()
    (await register(server, tenant, "CAROL")).must(400, "M_USER_IN_USE")
    (await register(server, other, "carol")).must()
    for name in ("ca!rol", "ca rol", "cärol", "a" * 250):
        (await register(server, tenant, name)).must(400, "M_INVALID_USERNAME")
    nobody = server.nobody(tenant)
    (await nobody.get("/register/available", username="carol")).must(400, "M_USER_IN_USE")
    (await nobody.get("/register/available", username="ca!rol")).must(400, "M_INVALID_USERNAME")
    assert (await nobody.get("/register/available", username="dave")).must().body == {"available": True}
    (await nobody.get("/register/available")).must(400, "M_MISSING_PARAM")


async def test_inhibited_login_and_a_generated_name(server: Homeserver, tenant: Tenant) -> None:
    body = {"password": PASSWORD, "inhibit_login": True, **DUMMY}
    reply = (await server.nobody(tenant).post("/register", body)).must()
    assert set(reply.body) == {"user_id", "home_server"}
    assert (await server.logged_in(tenant, reply["user_id"])).token


async def test_registration_with_refresh_token(server: Homeserver, tenant: Tenant) -> None:
    reply = (await register(server, tenant, "carol", refresh_token=True)).must()
    assert reply["expires_in_ms"] > 0
    (await server.nobody(tenant).post("/refresh", {"refresh_token": reply["refresh_token"]})).must()


@pytest.mark.parametrize("variant", list(Variant))
async def test_guests_are_refused(server: Homeserver, variant: Variant) -> None:
    tenant = await server.tenant(variant)
    reply = await server.nobody(tenant).post("/register?kind=guest", {})
    reply.must(403, "M_GUEST_ACCESS_FORBIDDEN" if variant is Variant.OFF else "M_FORBIDDEN")


async def test_a_tenant_may_be_closed(server: Homeserver) -> None:
    closed = await server.tenant(registration=False)
    (await register(server, closed, "carol")).must(403, "M_FORBIDDEN")
    (await server.nobody(closed).get("/register/available", username="x")).must(403, "M_FORBIDDEN")


async def test_addresses_cannot_be_registered(server: Homeserver, tenant: Tenant) -> None:
    nobody = server.nobody(tenant)
    (await nobody.post("/register/email/requestToken", {})).must(403, "M_THREEPID_DENIED")
    (await nobody.post("/register/msisdn/requestToken", {})).must(403, "M_THREEPID_DENIED")


async def by_secret(
    server: Homeserver, tenant: Tenant, name: str, secret: str = SHARED_SECRET, **more: object
) -> Reply:
    nobody = server.nobody(tenant)
    nonce = (await nobody.get("/_synapse/admin/v1/register")).must()["nonce"]
    admin = "admin" if more.get("admin") else "notadmin"
    nonce = str(more.get("nonce", nonce))
    text = "\0".join((nonce, name, PASSWORD, admin)).encode()
    mac = hmac.new(secret.encode(), text, hashlib.sha1).hexdigest()
    body = {"nonce": nonce, "username": name, "password": PASSWORD, "mac": mac, **more}
    return await nobody.post("/_synapse/admin/v1/register", body)


async def test_the_shared_secret_makes_users_and_admins(server: Homeserver, tenant: Tenant) -> None:
    reply = (await by_secret(server, tenant, "Root", admin=True)).must()
    assert reply["user_id"] == f"@root:{tenant.server_name}"
    root = Person(server, tenant, reply["user_id"], reply["access_token"], reply["device_id"])
    (await root.get("/account/whoami")).must()
    (await by_secret(server, tenant, "root")).must(400, "M_USER_IN_USE")
    (await by_secret(server, tenant, "ro!ot")).must(400, "M_INVALID_USERNAME")


async def test_a_wrong_secret_or_nonce_makes_nothing(
    server: Homeserver, tenant: Tenant, other: Tenant
) -> None:
    (await by_secret(server, tenant, "root", secret="wrong")).must(403, "M_FORBIDDEN")
    foreign = (await server.nobody(other).get("/_synapse/admin/v1/register")).must()["nonce"]
    for nonce in ("", "x", "1.a.b", "9" * 5000, foreign):
        (await by_secret(server, tenant, "root", nonce=nonce)).must(400, "M_INVALID_PARAM")
