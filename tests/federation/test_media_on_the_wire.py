"""Files of other people's servers: the envelope, what it may point to, the old path, and what goes wrong.

Real: sockets, TLS, the whole client. Fake: the other server.
"""

import msgspec
import pytest
from aiohttp import web

from tests.federation.test_client import ALICE_HS, authority, client, remote, tenant_of
from tests.support.remote_server import Received, RemoteServer
from timserver.remote.client import FederationClient, RemoteError
from timserver.remote.federation.content_repository import get_content
from timserver.tenancy import Tenant, Variant

__all__ = ["authority", "client", "remote"]

OWN, OLD = "/_matrix/federation/v1/media/download/abc", "/_matrix/media/v3/download/{}/abc"


class File(msgspec.Struct):
    """What came in."""

    content_type: str | None
    file_name: str | None
    data: bytes


async def fetch(client: FederationClient, remote: RemoteServer, tenant: Tenant = ALICE_HS) -> File:
    content = get_content(client, tenant, remote.server_name, "abc", timeout_ms=1_000, idle_s=2)
    async with content as file:
        data = b"".join([chunk async for chunk in file.chunks])
    return File(file.content_type, file.file_name, data)


async def refused(client: FederationClient, remote: RemoteServer, tenant: Tenant = ALICE_HS) -> RemoteError:
    with pytest.raises(RemoteError) as found:
        await fetch(client, remote, tenant)
    return found.value


def serves(remote: RemoteServer, path: str, body: bytes, content_type: str, status: int = 200) -> None:
    """Answer a path with these bytes."""

    async def answer(_: Received) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={"Content-Type": content_type})

    remote.answers_by("GET", path, answer)


def redirects(remote: RemoteServer, path: str, target: str) -> None:
    """Answer a path with a redirect."""

    async def answer(_: Received) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": target})

    remote.answers_by("GET", path, answer)


def envelope(*parts: bytes, end: bytes = b"\r\n--b--\r\n") -> bytes:
    return b"".join(b"\r\n--b\r\n" + part for part in parts) + end


META = b"Content-Type: application/json\r\n\r\n{}"
MIXED = 'multipart/mixed; boundary="b"'


async def test_a_file_in_its_envelope(client: FederationClient, remote: RemoteServer) -> None:
    part = b"content-type: text/plain\r\ncontent-disposition: inline; filename=a.txt\r\n\r\nhello\r\n--a"
    serves(remote, OWN, envelope(META, part), MIXED)
    assert await fetch(client, remote) == File("text/plain", "a.txt", b"hello\r\n--a")
    (request,) = remote.requests
    assert request.uri == f"{OWN}?timeout_ms=1000"
    assert request.headers["Authorization"].startswith("X-Matrix")


async def test_where_the_envelope_points_to(client: FederationClient, remote: RemoteServer) -> None:
    """https only, unsigned, and no further."""
    base = f"https://{remote.server_name}"
    serves(remote, "/cdn", b"from there", "image/png")
    serves(remote, OWN, envelope(META, f"Location: {base}/cdn\r\n\r\n".encode()), MIXED)
    assert await fetch(client, remote) == File("image/png", None, b"from there")
    assert "Authorization" not in remote.requests[-1].headers
    redirects(remote, "/again", f"{base}/cdn")
    for target in (
        f"{base}/again",
        f"http://{remote.server_name}/cdn",
        "/cdn",
        "https://[",
        "https://10.0.0.1/x",
    ):
        serves(remote, OWN, envelope(META, f"Location: {target}\r\n\r\n".encode()), MIXED)
        await refused(client, remote)


async def test_in_ti_m_the_envelope_points_to_the_federation_only(
    client: FederationClient, remote: RemoteServer
) -> None:
    pro = msgspec.structs.replace(
        tenant_of("pro.example.org", Variant.PRO),
        settings=msgspec.structs.replace(ALICE_HS.settings, allowed_servers=(remote.server_name,)),
    )
    serves(remote, OWN, envelope(META, b"Location: https://cdn.example.net/x\r\n\r\n"), MIXED)
    assert (await refused(client, remote, pro)).denied


async def test_the_old_path_only_for_who_does_not_know_the_new_one(
    client: FederationClient, remote: RemoteServer
) -> None:
    old = OLD.format(remote.server_name.replace(":", "%3A"))
    serves(remote, old, b"old", "text/plain")
    remote.answers("GET", OWN, {"errcode": "M_NOT_FOUND", "error": "?"}, status=404)
    assert (await refused(client, remote)).errcode == "M_NOT_FOUND"
    assert not remote.asked(old)
    remote.answers("GET", OWN, {"errcode": "M_UNRECOGNIZED", "error": "?"}, status=404)
    assert (await fetch(client, remote)).data == b"old"
    (request,) = remote.asked(old)
    assert "allow_remote=false" in request.uri
    serves(remote, OWN, b"<html>no such page", "text/html", status=400)
    assert (await fetch(client, remote)).data == b"old"
    redirects(remote, old, f"https://{remote.server_name}/cdn")
    assert (await refused(client, remote)).status == 307


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"hello", "text/plain"),
        (envelope(META, b"\r\nhello", end=b""), MIXED),
        (envelope(META, b"\r\nhello", end=b"\r\n--"), MIXED),
        (envelope(META), MIXED),
        (envelope(), MIXED),
        (envelope(b"\r\n" + b"x" * 70_000, b"\r\nhello"), MIXED),
        (envelope(META, b"no colon\r\n\r\nhello"), MIXED),
        (envelope(META, b"A: " + b"x" * 20_000), MIXED),
        (b"--other\r\n\r\nhello\r\n--other--", MIXED),
    ],
)
async def test_what_is_no_such_answer(
    client: FederationClient, remote: RemoteServer, body: bytes, content_type: str
) -> None:
    serves(remote, OWN, body, content_type)
    await refused(client, remote)
