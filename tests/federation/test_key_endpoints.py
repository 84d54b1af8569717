"""Our own keys as others see them, and a tenant as a notary. Real: HTTP, TLS, PostgreSQL. Fake: the other servers."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.support.homeserver import Homeserver, Reply, running, settings_for
from tests.support.remote_context import LOOPBACK
from tests.support.remote_server import WEEK_MS, Authority, RemoteServer, remote_server
from timserver.config import Api, Federation, Limits, Listener, Rate, RateLimits
from timserver.matrix import server_keys, signing, x_matrix
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant, Variant
from timserver.usecases.federation.own_keys import tenant_keys
from timserver.usecases.federation.server_keys import KeyWanted, keys_for
from timserver.usecases.tenants import rotate_key
from timserver.usecases.tenants.signing_key import signing_key

KEYS = "/_matrix/key/v2/server"
QUERY = "/_matrix/key/v2/query"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
async def remote(authority: Authority) -> AsyncIterator[RemoteServer]:
    async with remote_server(authority) as server:
        yield server


@pytest.fixture(scope="module")
async def server(database_url: str, authority: Authority) -> AsyncIterator[Homeserver]:
    settings = settings_for(
        database_url,
        extra_ca_files=(authority.file,),
        federation=Federation(allowed_networks=LOOPBACK),
        listeners=(Listener(port=0, apis=(Api.CLIENT, Api.FEDERATION)),),
        limits=Limits(notary_servers_max=5),
    )
    async with running(settings) as homeserver:
        yield homeserver


@pytest.fixture
async def tenant(server: Homeserver) -> Tenant:
    return await server.tenant()


@pytest.fixture
async def other(server: Homeserver) -> Tenant:
    return await server.tenant(Variant.PRO)


async def test_who_claims_to_be_many_servers_is_stopped(
    database_url: str, authority: Authority, remote: RemoteServer
) -> None:
    """Nobody has proved anything yet, and each name would make us look for a server."""
    settings = settings_for(
        database_url,
        extra_ca_files=(authority.file,),
        federation=Federation(allowed_networks=LOOPBACK),
        listeners=(Listener(port=0, apis=(Api.FEDERATION,)),),
        rate_limits=RateLimits(notary=Rate(per_second=0.01, burst=3)),
    )
    async with running(settings) as homeserver:
        tenant = await homeserver.tenant()

        async def ask(origin: str, key: signing.SigningKey) -> Reply:
            uri = "/_matrix/federation/v1/version"
            header = x_matrix.authorization(
                key, ServerName(origin), tenant.server_name, method="GET", uri=uri, content=None
            )
            return await homeserver.nobody(tenant).call("GET", uri, headers={"Authorization": header})

        (await ask(remote.server_name, remote.key)).must()
        for number in range(2):
            (await ask(f"127.0.0.1:{number + 1}", remote.key)).must(401, "M_UNAUTHORIZED")
        for number in range(5):
            (await ask(f"127.0.0.2:{number + 1}", remote.key)).must(429, "M_LIMIT_EXCEEDED")
        (await ask(remote.server_name, remote.key)).must()
        assert (await homeserver.nobody(await homeserver.tenant()).call("GET", KEYS)).status == 200


async def own_document(server: Homeserver, tenant: Tenant) -> Any:
    return (await server.nobody(tenant).call("GET", KEYS)).must().body


async def query(server: Homeserver, tenant: Tenant, **wanted: Any) -> Reply:
    return await server.nobody(tenant).call("POST", QUERY, {"server_keys": wanted})


def is_signed(document: Mapping[str, Any], signer: str, key: signing.SigningKey) -> bool:
    return signing.verify_object(key.public_key, signer, key.key_id, document)


async def test_each_tenant_publishes_its_own_keys_to_anybody(
    server: Homeserver, tenant: Tenant, other: Tenant
) -> None:
    documents = [await own_document(server, who) for who in (tenant, other)]
    now_ms = server.ctx.clock.now_ms()
    for who, document in zip((tenant, other), documents, strict=True):
        key = await signing_key(server.ctx, who)
        assert document["verify_keys"] == {key.key_id: {"key": signing.encode_base64(key.public_key)}}
        assert document["old_verify_keys"] == {}
        assert is_signed(document, who.server_name, key)
        assert now_ms + HOUR_MS < document["valid_until_ts"] <= now_ms + WEEK_MS
    assert documents[0]["verify_keys"] != documents[1]["verify_keys"]


async def test_after_a_rotation_the_old_key_is_published_as_old(
    server: Homeserver, tenant: Tenant, other: Tenant
) -> None:
    ctx = server.ctx
    old, others = await signing_key(ctx, tenant), await signing_key(ctx, other)
    key_id, expired_ts = await rotate_key(ctx, tenant)
    new = await signing_key(ctx, tenant)
    assert new.key_id == key_id != old.key_id
    document = await own_document(server, tenant)
    assert set(document["verify_keys"]) == {key_id}
    assert document["old_verify_keys"] == {
        old.key_id: {"key": signing.encode_base64(old.public_key), "expired_ts": expired_ts}
    }
    assert server_keys.read(document, tenant.server_name, ctx.clock.now_ms())
    assert not is_signed(document, tenant.server_name, old)
    seen = await tenant_keys(ctx, tenant)
    assert (seen[old.key_id].usable_until_ts, seen[old.key_id].is_old) == (expired_ts, True)
    for valid_at_ts, passes in ((expired_ts, True), (expired_ts + 1, False)):
        item = KeyWanted(tenant.server_name, old.key_id, valid_at_ts)
        assert bool(await keys_for(ctx, other, [item])) is passes
    assert await signing_key(ctx, other) == others


async def test_a_notary_signs_what_the_server_said(
    server: Homeserver, tenant: Tenant, remote: RemoteServer
) -> None:
    reply = (await server.nobody(tenant).call("GET", f"{QUERY}/{remote.server_name}")).must()
    (document,) = reply["server_keys"]
    assert is_signed(document, remote.server_name, remote.key)
    assert is_signed(document, tenant.server_name, await signing_key(server.ctx, tenant))
    assert document["verify_keys"] == remote.keys["verify_keys"]
    assert (await query(server, tenant, **{remote.server_name: {}})).must().body == reply.body
    assert len(remote.asked(KEYS)) == 1


async def test_a_notary_answers_for_who_is_away(
    server: Homeserver, tenant: Tenant, remote: RemoteServer
) -> None:
    now_ms = server.ctx.clock.now_ms()
    remote.keys = remote.key_document(valid_until_ts=now_ms + HOUR_MS)
    (await query(server, tenant, **{remote.server_name: {}})).must()
    remote.answers("GET", KEYS, {}, 503)
    later = {remote.key.key_id: {"minimum_valid_until_ts": now_ms + 2 * HOUR_MS}}
    (document,) = (await query(server, tenant, **{remote.server_name: later})).must()["server_keys"]
    assert document["valid_until_ts"] == now_ms + HOUR_MS


async def test_a_notary_knows_the_tenants_beside_it(
    server: Homeserver, tenant: Tenant, other: Tenant
) -> None:
    reply = (await query(server, tenant, **{other.server_name: {}, tenant.server_name: {}})).must()
    mine = await signing_key(server.ctx, tenant)
    assert [document["server_name"] for document in reply["server_keys"]] == [
        other.server_name,
        tenant.server_name,
    ]
    assert all(is_signed(document, tenant.server_name, mine) for document in reply["server_keys"])


async def test_who_cannot_be_asked_is_left_out(
    server: Homeserver, tenant: Tenant, other: Tenant, remote: RemoteServer
) -> None:
    nobody: dict[str, Any] = {"localhost:1": {}, "a b": {}, "": {}, "x\0": {}}
    assert (await query(server, tenant, **nobody)).must().body == {"server_keys": []}
    assert (await query(server, tenant)).must().body == {"server_keys": []}
    assert (await query(server, other, **{remote.server_name: {}})).must().body == {"server_keys": []}
    assert not remote.requests, "not part of the other tenant's federation"
    many: dict[str, Any] = {f"s{number}.example": {} for number in range(6)}
    (await query(server, tenant, **many)).must(400, "M_INVALID_PARAM")
    malformed: list[Any] = [{}, {"server_keys": []}, {"server_keys": {"a": 1}}]
    for body in malformed:
        (await server.nobody(tenant).call("POST", QUERY, body)).must(400)
    bad = f"{QUERY}/a.example?minimum_valid_until_ts=x"
    (await server.nobody(tenant).call("GET", bad)).must(400, "M_INVALID_PARAM")
