"""A server of its own with short limits; the client speaks HTTP by hand, because real ones do not stall."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.support.homeserver import Homeserver, Person, running, settings_for
from timserver.config import Limits, Media


@pytest.fixture
async def hasty(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Homeserver]:
    limits = Limits(request_body_s_max=1, upload_idle_s_max=1)
    media = Media(directory=tmp_path_factory.mktemp("media"))
    async with running(settings_for(database_url, limits=limits, media=media)) as homeserver:
        yield homeserver


async def begin(person: Person, method: str, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Announce 100 bytes and send 10."""
    host, _, port = person.server.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"{method} {path} HTTP/1.1\r\nHost: {person.tenant.server_name}\r\nContent-Length: 100\r\n"
    writer.write(f"{head}Authorization: Bearer {person.token}\r\n\r\n0123456789".encode())
    return reader, writer


def files(person: Person) -> list[Path]:
    folder = person.server.ctx.settings.media_dir / str(person.tenant.tenant_id)
    return [found for found in folder.rglob("*") if found.is_file()]


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen within 10 s")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/_matrix/media/v3/upload"), ("POST", "/_matrix/client/v3/login")]
)
async def test_who_stalls_is_sent_away(hasty: Homeserver, method: str, path: str) -> None:
    person = await hasty.person(await hasty.tenant())
    reader, writer = await begin(person, method, path)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert files(person) == []


async def test_who_goes_away_leaves_neither_file_nor_alarm(
    hasty: Homeserver, caplog: pytest.LogCaptureFixture
) -> None:
    person = await hasty.person(await hasty.tenant())
    _, writer = await begin(person, "POST", "/_matrix/media/v3/upload")
    await until(lambda: len(files(person)) == 1)
    writer.transport.abort()
    await until(lambda: files(person) == [])
    (await person.get("/account/whoami")).must()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
