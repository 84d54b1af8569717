from tests.support.homeserver import Homeserver, Person
from timserver.tenancy import SupportContact, Tenant


async def test_where_the_apis_are(server: Homeserver, tenant: Tenant) -> None:
    nobody = server.nobody(tenant)
    client = (await nobody.get("/.well-known/matrix/client")).must()
    assert client.body == {"m.homeserver": {"base_url": f"https://{tenant.server_name}"}}
    assert client.headers["Access-Control-Allow-Origin"] == "*"
    served = (await nobody.get("/.well-known/matrix/server")).must()
    assert served.body == {"m.server": f"{tenant.server_name}:443"}


async def test_a_host_is_the_same_in_capitals(server: Homeserver, tenant: Tenant) -> None:
    nobody = server.nobody(tenant)
    asked = await nobody.get("/.well-known/matrix/server", headers={"Host": tenant.server_name.upper()})
    assert asked.must().body == {"m.server": f"{tenant.server_name}:443"}


async def test_whom_to_ask(server: Homeserver, tenant: Tenant) -> None:
    (await server.nobody(tenant).get("/.well-known/matrix/support")).must(404, "M_NOT_FOUND")
    (await server.nobody(tenant).delete("/.well-known/matrix/support")).must(405, "M_UNRECOGNIZED")
    contact = SupportContact("m.role.admin", email_address="it@example.org")
    helpful = await server.tenant(support_contacts=(contact,), support_page="https://example.org/help")
    assert (await server.nobody(helpful).get("/.well-known/matrix/support")).must().body == {
        "contacts": [{"role": "m.role.admin", "email_address": "it@example.org"}],
        "support_page": "https://example.org/help",
    }


async def test_an_openid_token_is_not_an_access_token(alice: Person, bob: Person) -> None:
    path = f"/user/{alice.user_id}/openid/request_token"
    token = (await alice.post(path)).must()
    assert token["token_type"] == "Bearer"
    assert token["matrix_server_name"] == alice.tenant.server_name
    assert token["expires_in"] == 3600
    (await bob.post(path)).must(403, "M_FORBIDDEN")
    alice.token = token["access_token"]
    (await alice.get("/account/whoami")).must(401, "M_UNKNOWN_TOKEN")


async def test_what_is_not_offered(alice: Person) -> None:
    assert (await alice.get("/voip/turnServer")).must().body == {}
    assert (await alice.get("/thirdparty/protocols")).must().body == {}
    for path in ("protocol/irc", "location/irc", "user/irc", "location", "user"):
        (await alice.get(f"/thirdparty/{path}")).must(404, "M_NOT_FOUND")
    (await alice.post("/_matrix/client/v1/login/get_token")).must(404, "M_UNRECOGNIZED")
