"""Spec: https://spec.matrix.org/v1.19/client-server-api/#content-repository"""

import asyncio
import io
import os
import resource
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.homeserver import Homeserver, Person, Reply
from timserver.tenancy import Tenant, Variant
from timserver.workers import media_sweep

CONTENT = bytes(range(256)) * 2000


async def upload(
    person: Person, content: bytes = CONTENT, content_type: str = "image/png", **query: str
) -> str:
    """The media id."""
    reply = await person.call(
        "POST",
        "/_matrix/media/v3/upload",
        data=io.BytesIO(content),
        headers={"Content-Type": content_type},
        params=query,
    )
    scheme, _, rest = reply.must()["content_uri"].partition("://")
    server_name, _, media_id = rest.partition("/")
    assert (scheme, server_name) == ("mxc", person.tenant.server_name)
    return str(media_id)


async def create(person: Person) -> str:
    reply = (await person.post("/_matrix/media/v1/create")).must()
    return str(reply["content_uri"].rpartition("/")[2])


async def fill(person: Person, media_id: str, content: bytes = CONTENT) -> Reply:
    path = f"/_matrix/media/v3/upload/{person.tenant.server_name}/{media_id}"
    return await person.call("PUT", path, data=content, headers={"Content-Type": "text/plain"})


async def download(
    person: Person, media_id: str, name: str = "", method: str = "GET", **options: Any
) -> Reply:
    path = f"/_matrix/client/v1/media/download/{person.tenant.server_name}/{media_id}" + (name and f"/{name}")
    return await person.call(method, path, **options)


async def download_the_old_way(person: Person, media_id: str, version: str = "v3") -> Reply:
    return await person.call(
        "GET", f"/_matrix/media/{version}/download/{person.tenant.server_name}/{media_id}"
    )


async def thumbnail(person: Person, media_id: str, **query: object) -> Reply:
    wish = {"width": 32, "height": 32, "method": "crop", **query}
    return await person.get(
        f"/_matrix/client/v1/media/thumbnail/{person.tenant.server_name}/{media_id}", **wish
    )


def png(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).save(file, "PNG")
    return file.getvalue()


def files(server: Homeserver, tenant: Tenant) -> list[Path]:
    folder = server.ctx.settings.media_dir / str(tenant.tenant_id)
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_is_uploaded_can_be_downloaded(alice: Person, bob: Person) -> None:
    media_id = await upload(alice, filename="☕ and cake.png")
    reply = (await download(bob, media_id)).must()
    assert reply.raw == CONTENT
    assert reply.headers["Content-Type"] == "image/png"
    expected = "inline; filename=\"_ and cake.png\"; filename*=utf-8''%E2%98%95%20and%20cake.png"
    assert reply.headers["Content-Disposition"] == expected


async def test_headers_that_keep_a_browser_from_harm(alice: Person) -> None:
    html = await upload(alice, b"<script>alert(1)</script>", "text/html")
    headers = (await download(alice, html)).must().headers
    assert headers["Content-Disposition"] == "attachment"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; script-src 'none';")
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "immutable" in headers["Cache-Control"]


async def test_a_name_given_at_the_download_wins(alice: Person) -> None:
    media_id = await upload(alice, filename="a.png")
    reply = (await download(alice, media_id, "b%20c.png")).must()
    assert reply.headers["Content-Disposition"] == 'inline; filename="b c.png"'


async def test_parts_and_what_the_client_has_already(alice: Person) -> None:
    media_id = await upload(alice)
    part = (await download(alice, media_id, headers={"Range": "bytes=100000-100099"})).must(206)
    assert part.raw == CONTENT[100_000:100_100]
    assert part.headers["Content-Range"] == f"bytes 100000-100099/{len(CONTENT)}"
    beyond = (await download(alice, media_id, headers={"Range": "bytes=9999999-"})).must(416)
    assert beyond.headers["Content-Range"] == f"bytes */{len(CONTENT)}"
    known = (await download(alice, media_id, headers={"If-None-Match": part.headers["ETag"]})).must(304)
    assert known.raw == b""


async def test_head_tells_the_size(alice: Person) -> None:
    reply = (await download(alice, await upload(alice), method="HEAD")).must()
    assert (reply.headers["Content-Length"], reply.raw) == (str(len(CONTENT)), b"")
    (await alice.get("/account/whoami")).must()


async def test_a_file_that_is_missing_on_the_disk(server: Homeserver, alice: Person) -> None:
    media_id = await upload(alice)
    files(server, alice.tenant)[0].unlink()
    (await download(alice, media_id)).must(404, "M_NOT_FOUND")


async def test_an_empty_file(alice: Person) -> None:
    media_id = await upload(alice, b"")
    assert (await download(alice, media_id)).must().raw == b""


async def test_many_downloads_at_the_same_time(alice: Person) -> None:
    content = os.urandom(1_900_000)
    media_id = await upload(alice, content, "application/octet-stream")
    replies = await asyncio.gather(*(download(alice, media_id) for _ in range(20)))
    assert all(reply.must().raw == content for reply in replies)


@pytest.mark.parametrize("says_the_length", [True, False])
async def test_the_limit(server: Homeserver, alice: Person, says_the_length: bool) -> None:
    size_max = (await alice.get("/_matrix/client/v1/media/config")).must()["m.upload.size"]
    assert (await alice.get("/_matrix/media/v3/config")).must()["m.upload.size"] == size_max == 2_000_000
    await upload(alice, bytes(size_max))
    too_much = bytes(size_max + 1)
    data: Any = io.BytesIO(too_much) if says_the_length else _in_chunks(too_much)
    reply = await alice.call("POST", "/_matrix/media/v3/upload", data=data)
    reply.must(413, "M_TOO_LARGE")
    assert len(files(server, alice.tenant)) == 1


async def _in_chunks(content: bytes) -> Any:
    for start in range(0, len(content), 50_000):
        yield content[start : start + 50_000]


async def test_a_client_that_asks_before_it_sends_is_answered(alice: Person) -> None:
    reply = await alice.call("POST", "/_matrix/media/v3/upload", data=b"x", expect100=True)
    assert (await download(alice, reply.must()["content_uri"].rpartition("/")[2])).raw == b"x"


async def test_a_full_disk_is_said_and_leaves_nothing(server: Homeserver, alice: Person) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        reply = await alice.call("POST", "/_matrix/media/v3/upload", data=io.BytesIO(CONTENT))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    reply.must(503)
    assert files(server, alice.tenant) == []
    await upload(alice)


async def test_without_a_token_there_is_no_media(server: Homeserver, alice: Person) -> None:
    media_id = await upload(alice)
    nobody = server.nobody(alice.tenant)
    (await download(nobody, media_id)).must(401, "M_MISSING_TOKEN")
    (await thumbnail(nobody, media_id)).must(401, "M_MISSING_TOKEN")
    (await nobody.call("POST", "/_matrix/media/v3/upload", data=b"x")).must(401, "M_MISSING_TOKEN")
    (await nobody.post("/_matrix/media/v1/create")).must(401, "M_MISSING_TOKEN")
    assert len(files(server, alice.tenant)) == 1


async def test_another_tenant_is_another_server(server: Homeserver, alice: Person, mallory: Person) -> None:
    """What it may have it gets by federation (tests/federation/tenants/test_media.py), as a file of its own."""
    media_id = await upload(alice)
    (await download(mallory, media_id)).must(404, "M_NOT_FOUND")
    path = f"/_matrix/client/v1/media/download/{alice.tenant.server_name}/{media_id}"
    doctor = await server.person(await server.tenant(Variant.PRO))
    (await doctor.call("GET", path)).must(403, "M_FORBIDDEN")
    assert (await mallory.call("GET", path)).must().raw == CONTENT
    assert len(files(server, mallory.tenant)) == len(files(server, alice.tenant)) == 1
    announced = await create(alice)
    (await fill(mallory, announced)).must(404, "M_NOT_FOUND")


@pytest.mark.parametrize("media_id", ["unknown", "..%2F..%2Fetc%2Fpasswd", "%00", "a.b", "ä"])
async def test_unknown_media(alice: Person, media_id: str) -> None:
    (await download(alice, media_id)).must(404, "M_NOT_FOUND")


@pytest.mark.parametrize("server_name", ["..", "a%2Fb", "%20", "-.example:port"])
async def test_server_names_that_are_none(alice: Person, server_name: str) -> None:
    reply = await alice.call("GET", f"/_matrix/client/v1/media/download/{server_name}/x")
    assert reply.status in (400, 404)


async def test_media_of_other_servers(server: Homeserver, alice: Person) -> None:
    """A_26328: a TI-M tenant does not even ask who is not in the federation."""
    doctor = await server.person(await server.tenant(Variant.PRO))
    for person, status, errcode in ((alice, 404, "M_NOT_FOUND"), (doctor, 403, "M_FORBIDDEN")):
        for kind in ("download", "thumbnail"):
            path = f"/_matrix/client/v1/media/{kind}/elsewhere.example.org/x"
            (await person.get(path, width=32, height=32)).must(status, errcode)


@pytest.mark.parametrize("version", ["v3", "r0", "v1"])
async def test_old_paths_serve_the_messenger_only(server: Homeserver, alice: Person, version: str) -> None:
    (await download_the_old_way(server.nobody(alice.tenant), await upload(alice), version)).must(
        404, "M_NOT_FOUND"
    )
    practice = await server.tenant(Variant.PRO)
    doctor = await server.person(practice)
    picture = await upload(doctor, png((64, 64)))
    nobody = server.nobody(practice)
    (await download_the_old_way(nobody, picture, version)).must()
    path = f"/_matrix/media/{version}/thumbnail/{practice.server_name}/{picture}"
    (await nobody.get(path, width=32, height=32)).must()


async def test_there_are_no_previews(alice: Person) -> None:
    for path in ("/_matrix/media/v3/preview_url", "/_matrix/client/v1/media/preview_url"):
        (await alice.get(path, url="https://example.org")).must(404, "M_UNRECOGNIZED")


async def test_announce_then_upload(alice: Person, bob: Person) -> None:
    media_id = await create(alice)
    (await download(bob, media_id, params={"timeout_ms": "0"})).must(504, "M_NOT_YET_UPLOADED")
    (await fill(bob, media_id)).must(403, "M_FORBIDDEN")
    assert (await fill(alice, media_id)).must().body == {}
    assert (await download(bob, media_id)).must().raw == CONTENT
    (await fill(alice, media_id)).must(409, "M_CANNOT_OVERWRITE_MEDIA")
    (await fill(alice, "unknown")).must(404, "M_NOT_FOUND")


async def test_a_download_waits_for_the_upload(alice: Person, bob: Person) -> None:
    media_id = await create(alice)
    waiting = asyncio.gather(download(bob, media_id))
    await asyncio.sleep(0.1)
    (await fill(alice, media_id, b"late")).must()
    assert (await waiting)[0].must().raw == b"late"


async def test_of_two_uploads_to_one_id_one_wins(server: Homeserver, alice: Person) -> None:
    media_id = await create(alice)
    replies = await asyncio.gather(*(fill(alice, media_id, bytes([n]) * 1000) for n in range(5)))
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409, 409]
    winner = next(n for n, reply in enumerate(replies) if reply.status == 200)
    assert (await download(alice, media_id)).raw == bytes([winner]) * 1000
    assert len(files(server, alice.tenant)) == 1


async def test_announcements_have_a_limit(server: Homeserver, alice: Person, bob: Person) -> None:
    for _ in range(server.ctx.settings.limits.pending_uploads_per_user_max):
        media_id = await create(alice)
    (await alice.post("/_matrix/media/v1/create")).must(429, "M_LIMIT_EXCEEDED")
    await create(bob)
    (await fill(alice, media_id)).must()
    await create(alice)


async def test_thumbnails_are_made_once(server: Homeserver, alice: Person) -> None:
    media_id = await upload(alice, png((300, 200)), filename="secret name.png")
    first = (await thumbnail(alice, media_id)).must()
    assert first.headers["Content-Type"] == "image/png"
    assert first.headers["Content-Disposition"] == 'inline; filename="thumbnail.png"'
    assert Image.open(io.BytesIO(first.raw)).size == (32, 32)
    before = files(server, alice.tenant)
    again = (await thumbnail(alice, media_id, width=20, height=20)).must()
    assert again.raw == first.raw
    assert files(server, alice.tenant) == before
    assert len(before) == 2


async def test_a_small_picture_is_its_own_thumbnail(server: Homeserver, alice: Person) -> None:
    content = png((20, 20))
    media_id = await upload(alice, content, "application/octet-stream")
    reply = (await thumbnail(alice, media_id)).must()
    assert (reply.raw, reply.headers["Content-Type"]) == (content, "image/png")
    assert reply.headers["Content-Disposition"].startswith("inline")
    assert len(files(server, alice.tenant)) == 1


async def test_the_same_thumbnail_wanted_by_many_at_once(server: Homeserver, alice: Person) -> None:
    media_id = await upload(alice, png((300, 300)))
    replies = await asyncio.gather(*(thumbnail(alice, media_id) for _ in range(6)))
    assert len({reply.must().raw for reply in replies}) == 1
    assert len(files(server, alice.tenant)) == 2


@pytest.mark.parametrize("content", [CONTENT, b"<svg/>", b"\x89PNG\r\n\x1a\nbroken", b""])
async def test_what_is_no_picture_has_no_thumbnail(alice: Person, content: bytes) -> None:
    media_id = await upload(alice, content)
    (await thumbnail(alice, media_id)).must(400, "M_UNKNOWN")
    (await thumbnail(alice, media_id)).must(400, "M_UNKNOWN")


@pytest.mark.parametrize("wrong", [{"width": 0}, {"height": -1}, {"width": "x"}, {"method": "stretch"}])
async def test_sizes_that_are_none(alice: Person, wrong: dict[str, object]) -> None:
    media_id = await upload(alice, png((40, 40)))
    (await thumbnail(alice, media_id, **wrong)).must(400, "M_INVALID_PARAM")


async def test_the_sweep_removes_only_what_no_row_knows(
    server: Homeserver, alice: Person, mallory: Person
) -> None:
    kept = await upload(alice, png((64, 64)))
    (await thumbnail(alice, kept)).must()
    known = files(server, alice.tenant)
    folder = server.ctx.settings.media_dir / str(alice.tenant.tenant_id)
    orphan, half, young = (
        folder / "00" / ("0" * 32),
        folder / "incoming" / ("1" * 32),
        folder / "00" / ("2" * 32),
    )
    for path in (orphan, half, young):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"left by a crash")
    await upload(mallory)
    for path in (*known, orphan, half, *files(server, mallory.tenant)):
        os.utime(path, (0, 0))
    assert await media_sweep.sweep_all(server.ctx) == 2
    assert sorted(files(server, alice.tenant)) == sorted([*known, young])
    assert len(files(server, mallory.tenant)) == 1
