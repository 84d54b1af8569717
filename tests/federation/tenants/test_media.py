"""Files of other servers: fetched once, kept, served to the users here and to nobody else (RELIABILITY M1, M4)."""

import asyncio

import pytest

from tests.api.test_media import png
from tests.support.federation import as_server
from tests.support.homeserver import Homeserver, Person, Reply
from timserver.matrix.multipart import MixedParser, boundary_of
from timserver.tenancy import Tenant, Variant

_KEPT = "select count(*) from media where tenant_id = $1 and server_nid is not null"


async def uploads(person: Person, data: bytes, content_type: str = "text/plain", name: str = "a.txt") -> str:
    """The media id."""
    headers = {"Content-Type": content_type}
    reply = await person.call("POST", f"/_matrix/media/v3/upload?filename={name}", data=data, headers=headers)
    return str(reply.must()["content_uri"]).rpartition("/")[2]


async def downloads(person: Person, tenant: Tenant, media_id: str, more: str = "") -> Reply:
    path = f"/_matrix/client/v1/media/download/{tenant.server_name}/{media_id}{more}"
    return await person.call("GET", path)


async def kept(server: Homeserver, tenant: Tenant) -> int:
    async with server.ctx.database.transaction(tenant) as conn:
        count: int = await conn.raw.fetchval(_KEPT, tenant.tenant_id)
    return count


async def test_a_file_of_another_server_is_fetched_once(
    server: Homeserver, tenant: Tenant, other: Tenant, alice: Person, bob: Person
) -> None:
    data = b"Gr\xc3\xbc\xc3\x9fe\r\n--" * 70_000
    media_id = await uploads(bob, data, name="Gr%C3%BC%C3%9Fe.txt")
    replies = await asyncio.gather(*(downloads(alice, other, media_id) for _ in range(3)))
    for reply in replies:
        assert reply.must().raw == data
        assert reply.headers["Content-Type"] == "text/plain"
        assert "Gr%C3%BC%C3%9Fe.txt" in reply.headers["Content-Disposition"]
    assert await kept(server, tenant) == 1
    assert await kept(server, other) == 0
    async with server.ctx.database.transaction(other) as conn:
        await conn.raw.execute("delete from media where tenant_id = $1", other.tenant_id)
    assert (await downloads(alice, other, media_id)).must().raw == data
    part = await alice.call(
        "GET",
        f"/_matrix/client/v1/media/download/{other.server_name}/{media_id}/b.txt",
        headers={"Range": "bytes=2-5"},
    )
    assert part.must(206).raw == data[2:6]


async def test_m1_what_is_kept_has_no_name_that_anybody_knows(
    server: Homeserver, tenant: Tenant, other: Tenant, alice: Person, bob: Person
) -> None:
    media_id = await uploads(bob, b"secret")
    (await downloads(alice, other, media_id)).must()
    (await downloads(alice, tenant, media_id)).must(404, "M_NOT_FOUND")
    async with server.ctx.database.transaction(tenant) as conn:
        own_id = await conn.raw.fetchval(
            "select media_id from media where tenant_id = $1 and remote_id = $2", tenant.tenant_id, media_id
        )
    assert own_id != media_id
    (await downloads(alice, tenant, own_id)).must(404, "M_NOT_FOUND")
    for bad in ("..%2F..%2Fetc%2Fpasswd", "a.b", "%00", "a%2Fb"):
        (await downloads(alice, other, bad)).must(404, "M_NOT_FOUND")
    assert await kept(server, tenant) == 1


async def test_m4_other_servers_get_our_files_only(
    server: Homeserver, tenant: Tenant, other: Tenant, third: Tenant, alice: Person, bob: Person
) -> None:
    media_id = await uploads(bob, b"hello")
    (await downloads(alice, other, media_id)).must()
    stranger = await as_server(server, third)
    uri = f"/_matrix/federation/v1/media/download/{media_id}"
    (await stranger.get(tenant, uri)).must(404, "M_NOT_FOUND")
    answer = (await stranger.get(other, uri)).must()
    parser = MixedParser(boundary_of(answer.headers["Content-Type"]))
    parts = [item for item in parser.feed(answer.raw) if isinstance(item, bytes)]
    assert parts == [b"{}", b"hello"]
    nobody = server.nobody(other)
    (await nobody.call("GET", uri)).must(401, "M_UNAUTHORIZED")
    (await nobody.call("GET", f"/_matrix/client/v1/media/download/{other.server_name}/{media_id}")).must(401)


async def test_thumbnails_of_another_servers_picture_are_made_here(
    server: Homeserver, tenant: Tenant, other: Tenant, alice: Person, bob: Person
) -> None:
    media_id = await uploads(bob, png((200, 100)), "image/png", "a.png")
    path = f"/_matrix/client/v1/media/thumbnail/{other.server_name}/{media_id}"
    thumbnail = await alice.get(path, width=32, height=32, method="crop")
    assert thumbnail.must().headers["Content-Type"].startswith("image/")
    assert (await alice.get(path, width=32, height=32, method="crop")).must().raw == thumbnail.raw
    asked = await as_server(server, tenant)
    uri = f"/_matrix/federation/v1/media/thumbnail/{media_id}?width=32&height=32&method=crop"
    assert thumbnail.raw in (await asked.get(other, uri)).must().raw


async def test_what_is_not_there(
    server: Homeserver, tenant: Tenant, other: Tenant, alice: Person, bob: Person
) -> None:
    (await downloads(alice, other, "missing")).must(404, "M_NOT_FOUND")
    announced = (await bob.post("/_matrix/media/v1/create")).must()["content_uri"].rpartition("/")[2]
    (await downloads(alice, other, announced, "?timeout_ms=1")).must(504, "M_NOT_YET_UPLOADED")
    nowhere = f"/_matrix/client/v1/media/download/nowhere.example.net/{announced}"
    (await alice.call("GET", nowhere)).must(404, "M_NOT_FOUND")
    assert await kept(server, tenant) == 0


@pytest.mark.parametrize("variant", [Variant.PRO, Variant.EPA])
async def test_a_server_outside_of_the_list_is_not_asked(
    server: Homeserver, other: Tenant, bob: Person, variant: Variant
) -> None:
    """A_26328, places 3 and 9; and no packet of it comes in, place 4."""
    closed = await server.tenant(variant)
    eve = await server.person(closed, "eve")
    media_id = await uploads(bob, b"hello")
    (await downloads(eve, other, media_id)).must(403, "M_FORBIDDEN")
    of_eve = await uploads(eve, b"hello")
    (await downloads(bob, closed, of_eve)).must(404)
    assert await kept(server, closed) == 0


async def test_in_ti_m_old_paths_reach_other_servers_too(
    server: Homeserver, other: Tenant, bob: Person
) -> None:
    """A_26263; unless the asker forbids it."""
    pro = await server.tenant(Variant.PRO, allowed_servers=(other.server_name,))
    media_id = await uploads(bob, b"hello")
    nobody = server.nobody(pro)
    old = f"/_matrix/media/v3/download/{other.server_name}/{media_id}"
    (await nobody.get(old, allow_remote="false")).must(404, "M_NOT_FOUND")
    assert (await nobody.get(old)).must().raw == b"hello"
