"""Real sockets on uvloop, which is what the server runs on; no HTTP."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from timserver.api import sendfile

CONTENT = os.urandom(3_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


async def exchange(
    serve: Callable[[asyncio.StreamWriter], Awaitable[None]],
    read: Callable[[asyncio.StreamReader], Awaitable[bytes]],
) -> bytes:
    """What the client got from a server that writes `head`, then serves."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"head")
        try:
            await serve(writer)
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            return await read(reader)
        finally:
            writer.close()


@pytest.mark.parametrize("offset_bytes", [0, 1_234_567])
def test_a_stretch_arrives_whole_and_after_the_headers(path: Path, offset_bytes: int) -> None:
    async def serve(writer: asyncio.StreamWriter) -> None:
        with path.open("rb", buffering=0) as file:
            assert await sendfile.can_send_file(writer.transport)
            await sendfile.send_file(writer.transport, file, offset_bytes, len(CONTENT) - offset_bytes)

    async def read_slowly(reader: asyncio.StreamReader) -> bytes:
        await asyncio.sleep(0.05)
        return await reader.read(-1)

    assert uvloop.run(exchange(serve, read_slowly)) == b"head" + CONTENT[offset_bytes:]


def test_a_file_that_is_too_short_breaks_the_connection(path: Path) -> None:
    async def serve(writer: asyncio.StreamWriter) -> None:
        with path.open("rb", buffering=0) as file:
            await sendfile.can_send_file(writer.transport)
            with pytest.raises(ConnectionAbortedError):
                await sendfile.send_file(writer.transport, file, 0, len(CONTENT) + 1)

    assert uvloop.run(exchange(serve, lambda reader: reader.read(-1))) == b"head" + CONTENT


@pytest.mark.parametrize("gone", [True, False])
def test_a_client_that_takes_nothing_is_given_up(
    path: Path, gone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sendfile, "STALLED_S", 0.2)
    outcome: list[str] = []

    async def serve(writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10_000)
        with path.open("rb", buffering=0) as file:
            await sendfile.can_send_file(writer.transport)
            try:
                await sendfile.send_file(writer.transport, file, 0, len(CONTENT))
            except ConnectionError as error:
                outcome.append(type(error).__name__)

    async def run() -> None:
        served = asyncio.Event()

        async def serve_and_tell(writer: asyncio.StreamWriter) -> None:
            await serve(writer)
            served.set()

        async def stall(reader: asyncio.StreamReader) -> bytes:
            if not gone:
                await served.wait()
            return b""

        await exchange(serve_and_tell, stall)
        await served.wait()

    uvloop.run(run())
    assert len(outcome) == 1


async def test_pieces_where_sendfile_cannot_be_used(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        pieces = [piece async for piece in sendfile.chunks_of(file, 1000, 1_000_000)]
        assert b"".join(pieces) == CONTENT[1000:1_001_000]
        assert len(pieces) == 4
        with pytest.raises(ConnectionAbortedError):
            [piece async for piece in sendfile.chunks_of(file, len(CONTENT), 1)]
