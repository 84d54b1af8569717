"""From a file to a socket without passing through the program, also on uvloop, which has no `sendfile` of its own."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import BinaryIO

STALLED_S = 60
"""A client that takes nothing for so long is given up."""
_CHUNK_BYTES = 256 * 1024


async def can_send_file(transport: asyncio.WriteTransport) -> bool:
    """True for a plain socket whose earlier bytes are on their way; lets the loop write them first."""
    if transport.get_extra_info("sslcontext") is not None or transport.get_extra_info("socket") is None:
        return False
    for _ in range(3):
        if transport.get_write_buffer_size() == 0:
            return True
        await asyncio.sleep(0)
    return False


async def send_file(
    transport: asyncio.WriteTransport, file: BinaryIO, offset_bytes: int, size_bytes: int
) -> None:
    """Send a stretch of the file. Only after `can_send_file`. Raises `ConnectionError`."""
    descriptor = os.dup(
        transport.get_extra_info("socket").fileno()
    )  # the loop refuses its own for `add_writer`
    try:
        while size_bytes:
            try:
                sent = os.sendfile(descriptor, file.fileno(), offset_bytes, size_bytes)
            except BlockingIOError:
                await _until_writable(descriptor)
                continue
            if sent == 0:
                raise ConnectionAbortedError("file is shorter than its row says")
            offset_bytes, size_bytes = offset_bytes + sent, size_bytes - sent
    finally:
        os.close(descriptor)


async def chunks_of(file: BinaryIO, offset_bytes: int, size_bytes: int) -> AsyncIterator[bytes]:
    """The stretch in pieces, for where sendfile cannot be used (TLS). Raises `ConnectionError`."""
    file.seek(offset_bytes)
    while size_bytes:
        chunk = await asyncio.to_thread(file.read, min(_CHUNK_BYTES, size_bytes))
        if not chunk:
            raise ConnectionAbortedError("file is shorter than its row says")
        size_bytes -= len(chunk)
        yield chunk


async def _until_writable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    writable = loop.create_future()

    def note() -> None:
        if not writable.done():
            writable.set_result(None)

    loop.add_writer(descriptor, note)
    try:
        async with asyncio.timeout(STALLED_S):
            await writable
    except TimeoutError:
        raise ConnectionAbortedError("the client takes nothing") from None
    finally:
        loop.remove_writer(descriptor)
