import asyncpg

from tests.support.homeserver import PASSWORD, Homeserver, Person, Reply
from timserver.store.vault import token_hash
from timserver.tenancy import Tenant


async def log_in(server: Homeserver, alice: Person) -> Reply:
    body = {"type": "m.login.password", "user": "alice", "password": PASSWORD, "refresh_token": True}
    return (await server.nobody(alice.tenant).post("/login", body)).must()


async def refresh(server: Homeserver, tenant: Tenant, token: str) -> Reply:
    return await server.nobody(tenant).post("/refresh", {"refresh_token": token})


def with_token(alice: Person, token: str) -> Person:
    return Person(alice.server, alice.tenant, alice.user_id, token, alice.device_id)


async def works(alice: Person, token: str) -> bool:
    return (await with_token(alice, token).get("/account/whoami")).status == 200


async def test_the_old_pair_lives_until_the_new_access_token_is_used(
    server: Homeserver, alice: Person
) -> None:
    first = await log_in(server, alice)
    second = (await refresh(server, alice.tenant, first["refresh_token"])).must()
    assert await works(alice, first["access_token"])
    again = (await refresh(server, alice.tenant, first["refresh_token"])).must()
    assert not await works(alice, second["access_token"]), "replaced by the repeated refresh"
    assert await works(alice, again["access_token"])
    assert not await works(alice, first["access_token"])
    (await refresh(server, alice.tenant, first["refresh_token"])).must(401, "M_UNKNOWN_TOKEN")
    (await refresh(server, alice.tenant, second["refresh_token"])).must(401, "M_UNKNOWN_TOKEN")
    (await refresh(server, alice.tenant, again["refresh_token"])).must()


async def test_the_old_pair_ends_when_the_new_refresh_token_is_used(
    server: Homeserver, alice: Person
) -> None:
    first = await log_in(server, alice)
    second = (await refresh(server, alice.tenant, first["refresh_token"])).must()
    third = (await refresh(server, alice.tenant, second["refresh_token"])).must()
    (await refresh(server, alice.tenant, first["refresh_token"])).must(401, "M_UNKNOWN_TOKEN")
    assert not await works(alice, first["access_token"])
    assert await works(alice, second["access_token"])
    assert await works(alice, third["access_token"])


async def test_an_expired_access_token_is_a_soft_logout(
    server: Homeserver, alice: Person, database_url: str
) -> None:
    session = await log_in(server, alice)
    database = await asyncpg.connect(database_url)
    await database.execute(
        "update access_token set expires_ts = 1 where token_hash = $1", token_hash(session["access_token"])
    )
    await database.close()
    expired = await with_token(alice, session["access_token"]).get("/account/whoami")
    assert expired.must(401, "M_UNKNOWN_TOKEN")["soft_logout"] is True
    renewed = (await refresh(server, alice.tenant, session["refresh_token"])).must()
    assert await works(alice, renewed["access_token"])


async def test_refresh_tokens_of_others_ended_or_made_up(
    server: Homeserver, alice: Person, other: Tenant
) -> None:
    session = await log_in(server, alice)
    (await refresh(server, other, session["refresh_token"])).must(401, "M_UNKNOWN_TOKEN")
    (await refresh(server, alice.tenant, "nonsense")).must(401, "M_UNKNOWN_TOKEN")
    (await refresh(server, alice.tenant, session["access_token"])).must(401, "M_UNKNOWN_TOKEN")
    (await with_token(alice, session["access_token"]).post("/logout")).must()
    (await refresh(server, alice.tenant, session["refresh_token"])).must(401, "M_UNKNOWN_TOKEN")
    assert await works(alice, alice.token or "")
