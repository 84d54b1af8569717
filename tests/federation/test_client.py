"""Requests to other people's servers. Real: sockets, TLS, the whole client. Fake: the other server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.support.homeserver import settings_for
from tests.support.remote_server import Authority, Received, RemoteServer, remote_server
from timserver.clock import SystemClock, SystemIds
from timserver.config import Federation
from timserver.matrix import canonical_json, signing
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.policy.facts import FederationList
from timserver.remote.client import CallLimits, FederationClient, RemoteError
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


async def test_an_answer_is_read_while_it_arrives(client: FederationClient, remote: RemoteServer) -> None:
    """Signed as any request."""
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b'{"x":'
        await go_on.wait()
        yield b"1}"

    async def answer(_: Received) -> web.StreamResponse:
        return web.Response(body=body(), content_type="application/json")

    remote.answers_by("PUT", "/x", answer)
    async with client.request_in_chunks(
        ALICE_HS, remote.server_name, "PUT", "/x", content={"a": 1}
    ) as chunks:
        assert await anext(chunks) == b'{"x":'
        go_on.set()
        assert b"".join([chunk async for chunk in chunks]) == b"1}"
    (received,) = remote.requests
    assert received.json == {"a": 1}
    assert received.headers["Authorization"].startswith("X-Matrix origin=")


async def test_the_readers_time_is_not_the_other_servers(
    client: FederationClient, remote: RemoteServer
) -> None:
    remote.answers("GET", "/x", b"x" * 8_000_000)
    limits = CallLimits(timeout_s=1)
    async with client.request_in_chunks(ALICE_HS, remote.server_name, "GET", "/x", limits=limits) as chunks:
        size = len(await anext(chunks))
        await asyncio.sleep(1.5)
        async for chunk in chunks:
            size += len(chunk)
    assert size == 8_000_000


async def test_an_answer_that_is_read_while_it_arrives_is_bounded(
    client: FederationClient, remote: RemoteServer
) -> None:
    async def forever(pause_s: float) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000
            await asyncio.sleep(pause_s)

    async def endless(_: Received) -> web.StreamResponse:
        return web.Response(body=forever(0))

    async def slow(_: Received) -> web.StreamResponse:
        return web.Response(body=forever(0.1))

    async def silent(_: Received) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    async def read(path: str, limits: CallLimits) -> tuple[int, str, bool, int | None]:
        size = 0
        request = client.request_in_chunks(ALICE_HS, remote.server_name, "GET", path, limits=limits)
        try:
            async with request as chunks:
                async for chunk in chunks:
                    size += len(chunk)
        except RemoteError as error:
            return size, error.error, error.transient, error.status
        raise AssertionError(f"{path} was read to its end")

    remote.answers_by("GET", "/endless", endless)
    remote.answers_by("GET", "/slow", slow)
    remote.answers_by("GET", "/silent", silent)
    remote.answers("GET", "/refused", {"errcode": "M_NOT_FOUND", "error": "x" * 300}, 404)
    remote.answers("GET", "/large", b"x" * 2_000)
    size, *error = await read("/endless", CallLimits(bytes_max=100_000))
    assert 0 < size <= 100_000
    assert error == ["answer of more than 100000 bytes", False, 200]
    size, *error = await read("/slow", CallLimits(timeout_s=0.5))
    assert size > 0
    assert error == ["no answer in time", True, None]
    assert await read("/silent", CallLimits(timeout_s=0.2)) == (0, "no answer in time", True, None)
    assert await read("/refused", CallLimits()) == (0, "x" * 200, False, 404)
    too_long = "answer of more than 1999 bytes"
    assert await read("/large", CallLimits(bytes_max=1_999)) == (0, too_long, False, 200)
