"""Every route for servers × {no header, garbage, wrong signature, unknown server, another's destination, not in the
federation list, old key, a user's token}; a route without a row fails (RELIABILITY S1, E14, S19; REQUIREMENTS 2.5).

Rows are in `server_auth_matrix.py`.
"""

from urllib.parse import quote

import asyncpg
import msgspec
import pytest

from conformance.spec.page import served_to_servers
from tests.api.server_auth_matrix import ROWS, Row
from tests.support import federation
from tests.support.federation import Server, as_server
from tests.support.homeserver import MASTER_KEY, Homeserver, Person, Reply
from timserver.api.endpoint import Auth, Endpoint
from timserver.matrix import signing
from timserver.matrix.ids import ServerName
from timserver.store.vault import Vault
from timserver.tenancy import Tenant, Variant

ENDPOINTS = {item.operation_id: item for item in served_to_servers()}
SIGNED = sorted(name for name, item in ENDPOINTS.items() if item.auth.of_servers)
UNAUTHORIZED, FORBIDDEN = "401 M_UNAUTHORIZED", "403 M_FORBIDDEN"


class World(msgspec.Struct):
    """Two destinations, and servers that ask them."""

    off: Tenant
    pro: Tenant
    alice: Person
    """At `off`."""
    names: dict[str, str]
    known: Server
    """In the list of `pro`."""
    unlisted: Server
    old: Server
    """`known` with a key that it has no more."""
    unknown: Server

    def uri(self, item: Endpoint, row: Row) -> str:
        uri = item.paths[0] + row.query
        for name, text in self.names.items():
            uri = uri.replace("{" + name + "}", quote(text, safe=""))
        assert "{" not in uri, f"no value for {uri}"
        return uri

    async def ask(self, who: Server, tenant: Tenant, item: Endpoint, row: Row, **headers: str) -> Reply:
        return await who.call(tenant, item.method, self.uri(item, row), row.body, **headers)

    async def ask_unsigned(self, tenant: Tenant, item: Endpoint, row: Row, header: str | None) -> Reply:
        headers = {"Host": tenant.server_name} | ({"Authorization": header} if header else {})
        content = None if row.body is None else msgspec.json.encode(row.body)
        return await federation.request(self.known.server, item.method, self.uri(item, row), content, headers)


async def expired_key(server: Homeserver, tenant: Tenant, database_url: str) -> signing.SigningKey:
    """A key of the tenant that ended in 1970."""
    key = signing.make_signing_key("ed25519:old", bytes([7] * 32))
    database = await asyncpg.connect(database_url)
    await database.execute(
        "insert into tenant_key (tenant_id, key_id, seed, public_key, created_ts, expired_ts)"
        " values ($1, $2, $3, $4, 0, 1)",
        tenant.tenant_id,
        key.key_id,
        Vault(MASTER_KEY).seal(key.seed),
        key.public_key,
    )
    await database.close()
    return key


@pytest.fixture(scope="module")
async def world(server: Homeserver, database_url: str) -> World:
    peer, stranger = await server.tenant(), await server.tenant()
    off = await server.tenant()
    pro = await server.tenant(Variant.PRO, allowed_servers=(peer.server_name,))
    known = await as_server(server, peer)
    alice = await server.person(off, "alice")
    room = (await alice.post("/createRoom", {"preset": "private_chat"})).must()["room_id"]
    message = {"msgtype": "m.text", "body": "hello"}
    event = (await alice.put(f"/rooms/{room}/send/m.room.message/0", message)).must()["event_id"]
    return World(
        off=off,
        pro=pro,
        alice=alice,
        names={
            "roomId": room,
            "eventId": event,
            "userId": alice.user_id,
            "txnId": "1",
            "mediaId": "missing",
            "queryType": "unknown",
            "serverName": off.server_name,
        },
        known=known,
        unlisted=await as_server(server, stranger),
        old=Server(server, peer.server_name, await expired_key(server, peer, database_url)),
        unknown=Server(server, ServerName("127.0.0.1:1"), known.key),
    )


def shown(reply: Reply) -> str:
    errcode = reply.body.get("errcode") if isinstance(reply.body, dict) else None
    return f"{reply.status} {errcode}" if errcode else str(reply.status)


def test_every_route_has_a_row() -> None:
    assert set(ROWS) == set(ENDPOINTS), "a route needs a row in tests/api/server_auth_matrix.py"


@pytest.mark.parametrize("name", SIGNED)
async def test_who_does_not_prove_who_it_is(world: World, name: str) -> None:
    item, row = ENDPOINTS[name], ROWS[name]
    uri = world.uri(item, row)
    garbage = f'X-Matrix origin="{world.known.server_name}",key="ed25519:x",sig="AAAA"'
    other_path = world.known.signed(world.pro.server_name, item.method, uri + "x")["Authorization"]
    bearer = f"Bearer {world.alice.token}"
    for tenant in (world.off, world.pro):
        nobody = shown(await world.ask_unsigned(tenant, item, row, None))
        is_open = item.auth is Auth.SERVER_OPTIONAL and tenant is world.off
        assert nobody == (row.stranger if is_open else UNAUTHORIZED)
        assert shown(await world.ask_unsigned(tenant, item, row, bearer)) == nobody
        for header in ("X-Matrix garbage", garbage, other_path):
            assert shown(await world.ask_unsigned(tenant, item, row, header)) == UNAUTHORIZED, header
        assert shown(await world.ask(world.old, tenant, item, row)) == UNAUTHORIZED
    assert shown(await world.ask(world.unknown, world.off, item, row)) == UNAUTHORIZED


@pytest.mark.parametrize("name", SIGNED)
async def test_a_request_for_another_tenant(world: World, name: str) -> None:
    """Its destination is the one tenant, its Host the other."""
    item, row = ENDPOINTS[name], ROWS[name]
    elsewhere = shown(await world.ask(world.known, world.off, item, row, Host=world.pro.server_name))
    assert elsewhere == UNAUTHORIZED
    elsewhere = shown(await world.ask(world.known, world.pro, item, row, Host=world.off.server_name))
    assert elsewhere == UNAUTHORIZED


@pytest.mark.parametrize("name", SIGNED)
async def test_who_is_not_in_the_federation_list(world: World, name: str) -> None:
    item, row = ENDPOINTS[name], ROWS[name]
    for who in (world.unlisted, world.unknown):
        reply = await world.ask(who, world.pro, item, row)
        assert shown(reply) == FORBIDDEN
        assert reply["error"] == "not part of federation"


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
async def test_a_server_that_shares_nothing(world: World, name: str) -> None:
    assert shown(await world.ask(world.known, world.off, ENDPOINTS[name], ROWS[name])) == ROWS[name].stranger


@pytest.mark.parametrize("name", SIGNED)
async def test_the_same_server_is_let_in_by_the_list(world: World, name: str) -> None:
    """Shows that the refusals above are not due to the request."""
    reply = await world.ask(world.known, world.pro, ENDPOINTS[name], ROWS[name])
    assert not any(value in reply.body.values() for value in ("not part of federation", "M_UNAUTHORIZED"))


async def test_servers_older_than_matrix_1_3_name_no_destination(world: World) -> None:
    uri = "/_matrix/federation/v1/version"
    signed = world.known.signed(world.pro.server_name, "GET", uri)["Authorization"]
    old = signed.replace(f'destination="{world.pro.server_name}",', "")
    assert old != signed
    (await world.known.call(world.pro, "GET", uri, Authorization=old)).must()
    (await world.known.call(world.off, "GET", uri, Authorization=old)).must(401, "M_UNAUTHORIZED")


async def test_a_header_for_each_key(world: World) -> None:
    """Both keys while a server changes them: one header for each."""
    uri = "/_matrix/federation/v1/version"
    good = world.known.signed(world.pro.server_name, "GET", uri)["Authorization"]
    old = world.old.signed(world.pro.server_name, "GET", uri)["Authorization"]
    other = world.unlisted.signed(world.pro.server_name, "GET", uri)["Authorization"]
    url = world.known.server.url + uri
    for headers, status in (((old, good), 200), ((good, good[:-5] + 'AAA"'), 401), ((good, other), 401)):
        sent = [("Host", world.pro.server_name), *(("Authorization", text) for text in headers)]
        async with world.known.server.http.get(url, headers=sent) as response:
            assert response.status == status
