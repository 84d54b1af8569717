"""What the server finds behind web addresses. Fake: the web, which is a server on loopback."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from PIL import Image

from tests.support.homeserver import Homeserver, Person, running, settings_for
from tests.support.rooms_between import eventually
from timserver.config import Limits, Media
from timserver.tenancy import Variant
from timserver.workers import media_sweep

PATHS = ("/_matrix/client/v1/media/preview_url", "/_matrix/media/v3/preview_url")
HEAD = '<meta property="og:title" content="Praxis"><meta property="og:image" content="/picture">'
MIB = 1_048_576


def picture(size: tuple[int, int] = (64, 48), kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, kind)
    return file.getvalue()


class Web:
    """Pages by path, as content type and body, or where a redirect leads; counts what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes] | str] = {"/picture": ("image/png", picture())}
        self.asked: list[str] = []
        self.url = ""
        self.open = asyncio.Event()
        """Until it is set nobody is answered."""
        self.open.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        await self.open.wait()
        page = self.pages.get(request.path)
        if page is None:
            return web.Response(status=404)
        if isinstance(page, str):
            return web.Response(status=302, headers={"Location": page})
        return web.Response(body=page[1], headers={"Content-Type": page[0]})


@pytest.fixture
async def pages() -> AsyncIterator[Web]:
    fake = Web()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    fake.url = f"http://{host}:{port}"
    yield fake
    await runner.cleanup()


@pytest.fixture(scope="module")
async def previewing(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Homeserver]:
    media = Media(directory=tmp_path_factory.mktemp("media"), url_previews=True)
    settings = settings_for(
        database_url,
        media=media,
        blocked_networks=(),
        limits=Limits(preview_page_bytes_max=MIB, preview_picture_bytes_max=2 * MIB, preview_s_max=5),
    )
    async with running(settings) as server:
        yield server


@pytest.fixture
async def anna(previewing: Homeserver) -> Person:
    return await previewing.person(await previewing.tenant())


async def preview(person: Person, url: str, path: str = PATHS[0]) -> Any:
    return (await person.get(path, url=url)).must().body


@pytest.mark.parametrize("path", PATHS)
async def test_a_page_and_its_picture(anna: Person, pages: Web, path: str) -> None:
    pages.pages["/"] = ("text/html; charset=utf-8", HEAD.encode())
    found = await preview(anna, pages.url, path)
    content_uri = found.pop("og:image")
    content = pages.pages["/picture"][1]
    assert found == {
        "og:title": "Praxis",
        "og:image:type": "image/png",
        "og:image:width": 64,
        "og:image:height": 48,
        "matrix:image:size": len(content),
    }
    stored = await anna.get(content_uri.replace("mxc://", "/_matrix/client/v1/media/download/"))
    assert stored.must().raw == content
    again = await preview(anna, f"{pages.url}#part", path)
    assert again["og:image"] == content_uri
    assert pages.asked == ["/", "/picture"]


async def test_all_who_ask_at_the_same_moment_are_told_after_one_look(
    previewing: Homeserver, anna: Person, pages: Web
) -> None:
    pages.pages["/"] = ("text/html", HEAD.encode())
    others = [await previewing.person(anna.tenant) for _ in range(4)]
    elsewhere = await previewing.person(await previewing.tenant())
    pages.open.clear()

    async def opens() -> None:
        async def both_look() -> bool:
            return len(pages.asked) >= 2

        await eventually(both_look)
        pages.open.set()

    *found, theirs, _ = await asyncio.gather(
        *(preview(person, pages.url) for person in (anna, *others, elsewhere)), opens()
    )
    assert found == [found[0]] * 5
    assert theirs["og:image"] != found[0]["og:image"]
    assert sorted(pages.asked) == ["/", "/", "/picture", "/picture"], "once for each tenant"
    refused = await asyncio.gather(
        *(person.get(PATHS[0], url=f"{pages.url}/nothing") for person in (anna, *others))
    )
    for reply in refused:
        reply.must(502, "M_UNKNOWN")


async def test_an_address_of_a_picture(anna: Person, pages: Web) -> None:
    for kind in ("GIF", "JPEG", "WEBP"):
        pages.pages[f"/{kind}"] = ("image/whatever", picture((300, 200), kind))
        found = await preview(anna, f"{pages.url}/{kind}")
        sizes = found["og:image:width"], found["og:image:height"]
        assert (found["og:image:type"], sizes) == (f"image/{kind.lower()}", (300, 200))


async def test_what_is_neither_page_nor_picture_has_no_properties(anna: Person, pages: Web) -> None:
    pages.pages["/text"] = ("text/plain", HEAD.encode())
    pages.pages["/empty"] = ("text/html", b"")
    assert await preview(anna, f"{pages.url}/text") == {}
    assert await preview(anna, f"{pages.url}/empty") == {}


async def test_of_a_long_page_the_beginning_is_read(anna: Person, pages: Web) -> None:
    late = '<meta property="og:type" content="late">'
    pages.pages["/"] = ("text/html", HEAD.encode() + bytes(2 * MIB) + late.encode())
    assert (await preview(anna, pages.url)).keys() >= {"og:title", "og:image"}
    assert "og:type" not in await preview(anna, pages.url)


BROKEN = {
    "none": None,
    "no picture": ("image/png", b"text"),
    "torn": ("image/png", picture()[:20]),
    "too large": ("image/png", picture() + bytes(2 * MIB)),
    "bomb": ("image/png", picture((8_000, 8_000))),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_page_whose_picture_is_not_to_be_had(anna: Person, pages: Web, case: str) -> None:
    pages.pages["/"] = ("text/html", HEAD.encode() + b'<meta property="og:image:width" content="5">')
    pages.pages.pop("/picture")
    if (broken := BROKEN[case]) is not None:
        pages.pages["/picture"] = broken
    assert await preview(anna, pages.url) == {"og:title": "Praxis"}


@pytest.mark.parametrize(
    "image", ["http://[", "data:image/png;base64,AAAA", "file:///etc/passwd", "//a:b@c/"]
)
async def test_pictures_are_of_the_web(anna: Person, pages: Web, image: str) -> None:
    page = HEAD.replace("/picture", image)
    pages.pages["/"] = ("text/html", page.encode())
    assert await preview(anna, pages.url) == {"og:title": "Praxis"}
    assert pages.asked == ["/"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "praxis",
        "/picture",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://",
        "http://[",
        "http://example.org:99999/",
        "http://user:word@example.org/",
        "http://example.org/" + "a" * 3_000,
    ],
)
async def test_what_is_no_address_of_the_web(anna: Person, url: str) -> None:
    (await anna.get(PATHS[0], url=url)).must(400, "M_INVALID_PARAM")


async def test_no_answer_no_page_and_a_bad_redirect_look_the_same(anna: Person, pages: Web) -> None:
    pages.pages["/moved"] = f"{pages.url}/picture"
    answers = [
        (await anna.get(PATHS[0], url=url)).must(502, "M_UNKNOWN")
        for url in (f"{pages.url}/missing", f"{pages.url}/moved", "http://127.0.0.1:1/")
    ]
    assert len({answer.raw for answer in answers}) == 1


async def test_blocked_networks_are_not_reached(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, pages: Web
) -> None:
    pages.pages["/"] = ("text/html", HEAD.encode())
    media = Media(directory=tmp_path_factory.mktemp("media"), url_previews=True)
    async with running(settings_for(database_url, media=media)) as server:
        anna = await server.person(await server.tenant())
        port = pages.url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"):
            (await anna.get(PATHS[0], url=f"http://{host}:{port}/")).must(502, "M_UNKNOWN")
    assert pages.asked == []


async def test_tenants_of_the_messenger_have_no_previews(previewing: Homeserver, pages: Web) -> None:
    doctor = await previewing.person(await previewing.tenant(Variant.PRO))
    for path in PATHS:
        (await doctor.get(path, url=pages.url)).must(404, "M_UNRECOGNIZED")
    assert pages.asked == []


async def test_pictures_of_previews_go_when_their_time_is_over(
    previewing: Homeserver, database_url: str, anna: Person, pages: Web
) -> None:
    pages.pages["/"] = ("text/html", HEAD.encode())
    path = (await preview(anna, pages.url))["og:image"].replace(
        "mxc://", "/_matrix/client/v1/media/download/"
    )
    uploaded = await anna.call("POST", "/_matrix/media/v3/upload", data=picture())
    own = uploaded.must()["content_uri"].replace("mxc://", "/_matrix/client/v1/media/download/")
    await media_sweep.sweep_all(previewing.ctx)
    (await anna.get(path)).must()
    database = await asyncpg.connect(database_url)
    await database.execute("update media set expires_ts = 1 where expires_ts is not null")
    await database.close()
    (await anna.get(path)).must(404, "M_NOT_FOUND")
    directory = previewing.ctx.settings.media_dir
    before = sum(file.is_file() for file in directory.rglob("*"))
    await media_sweep.sweep_all(previewing.ctx)
    assert sum(file.is_file() for file in directory.rglob("*")) == 1 < before
    (await anna.get(own)).must()
