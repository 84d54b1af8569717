"""Requests to other people's servers. Real: sockets, TLS, the whole client. Fake: the other server."""

from collections.abc import AsyncIterator

import pytest

from tests.support.homeserver import settings_for
from tests.support.remote_server import Authority, RemoteServer, remote_server
from timserver.clock import SystemClock, SystemIds
from timserver.config import Federation
from timserver.matrix import canonical_json, signing
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.policy.facts import FederationList
from timserver.remote.client import FederationClient, RemoteError
from timserver.remote.fetcher import open_fetcher
from timserver.remote.paths import path
from timserver.tenancy import Tenant, TenantSettings, Variant

KEY = signing.make_signing_key("ed25519:ours", bytes(range(32)))


def tenant_of(server_name: str, variant: Variant = Variant.OFF) -> Tenant:
    return Tenant(
        tenant_id=1,
        server_name=ServerName(server_name),
        variant=variant,
        tim_version="1.2",
        settings=TenantSettings(),
    )


ALICE_HS = tenant_of("alice.example.org")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
async def remote(authority: Authority) -> AsyncIterator[RemoteServer]:
    async with remote_server(authority) as server:
        yield server


async def key_of(_: Tenant) -> signing.SigningKey:
    return KEY


@pytest.fixture
async def client(authority: Authority) -> AsyncIterator[FederationClient]:
    settings = settings_for(
        "postgresql://unused",
        extra_ca_files=(authority.file,),
        federation=Federation(allowed_networks=("127.0.0.0/8", "::1/128")),
    )
    async with open_fetcher(settings) as fetcher:
        client = FederationClient(fetcher, SystemClock(), SystemIds(), settings)
        client.signing_key_of = key_of
        client.federation_list = lambda: FederationList(frozenset())
        yield client


async def test_a_request_is_signed_as_it_is_sent(client: FederationClient, remote: RemoteServer) -> None:
    target = path("/_matrix/federation/v1/event/{}", "$a/b c")
    remote.answers("GET", target, {"ok": True})
    query = [("ver", "10"), ("ver", "1 1"), ("q", "ä&=")]
    assert await client.request(ALICE_HS, remote.server_name, "GET", target, query=query) == b'{"ok": true}'
    (request,) = remote.requests
    assert request.uri == "/_matrix/federation/v1/event/%24a%2Fb%20c?ver=10&ver=1%201&q=%C3%A4%26%3D"
    assert request.headers["Host"] == remote.server_name
    signed: JsonObject = {
        "method": "GET",
        "uri": request.uri,
        "origin": "alice.example.org",
        "destination": remote.server_name,
    }
    signature = signing.encode_base64(signing.sign(KEY, canonical_json.encode(signed)))
    assert request.headers["Authorization"] == (
        f'X-Matrix origin="alice.example.org",destination="{remote.server_name}",key="ed25519:ours",sig="{signature}"'
    )


async def test_a_body_is_signed_with_the_rest(client: FederationClient, remote: RemoteServer) -> None:
    remote.answers("PUT", "/_matrix/federation/v1/send/1", {"pdus": {}})
    content: JsonObject = {"z": [1, {"é": None}], "a": "\u2028"}
    await client.request(
        ALICE_HS, remote.server_name, "PUT", "/_matrix/federation/v1/send/1", content=content
    )
    (request,) = remote.requests
    assert request.json == content
    signed: JsonObject = {
        "method": "PUT",
        "uri": request.uri,
        "origin": "alice.example.org",
        "destination": remote.server_name,
        "content": content,
    }
    signature = signing.encode_base64(signing.sign(KEY, canonical_json.encode(signed)))
    assert f'sig="{signature}"' in request.headers["Authorization"]


@pytest.mark.parametrize(
    ("status", "transient"), [(400, False), (403, False), (404, False), (429, True), (500, True), (502, True)]
)
async def test_a_refusal_says_status_and_errcode(
    client: FederationClient, remote: RemoteServer, status: int, transient: bool
) -> None:
    body = {"errcode": "M_FORBIDDEN", "error": "no", "retry_after_ms": 5}
    remote.answers("GET", "/x", body, status)
    with pytest.raises(RemoteError) as caught:
        await client.request(ALICE_HS, remote.server_name, "GET", "/x")
    error = caught.value
    assert (error.status, error.errcode, error.error, error.retry_after_ms) == (
        status,
        "M_FORBIDDEN",
        "no",
        5,
    )
    assert (error.transient, error.denied) == (transient, False)


async def test_policy_stands_before_the_first_packet(client: FederationClient, remote: RemoteServer) -> None:
    with pytest.raises(RemoteError) as caught:
        await client.request(tenant_of("praxis.example", Variant.PRO), remote.server_name, "GET", "/x")
    assert caught.value.denied
    assert not remote.requests
