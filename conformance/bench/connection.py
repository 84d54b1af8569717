"""One keep-alive HTTP/1.1 connection on a bare asyncio protocol.

A tenth of what aiohttp's client burns, because it knows only what the two servers send: one answer at a time, measured
by `Content-Length` or chunked. It shares the machine with the server, so this is what keeps the figures honest.
"""

import asyncio


class ConnectionLost(Exception):
    """The server closed in the middle of an answer."""


class Connection(asyncio.Protocol):
    """Sends one request at a time; opens itself again when the server closed it in between."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._body_at = 0
        self._length: int | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request; give status and body. Raises `ConnectionLost` and `OSError`."""
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            self._transport, _ = await loop.create_connection(lambda: self, *self._address)
        assert self._answer is None, "one request at a time"
        self._answer = loop.create_future()
        self._buffer.clear()
        self._body_at = 0
        self._transport.write(request)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._answer = None

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def data_received(self, data: bytes) -> None:
        """Collect until head and body are whole."""
        self._buffer += data
        if not self._body_at:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._body_at = end + 4
            self._length = content_length(bytes(self._buffer[:end]))
        if self._length is None:
            if self._buffer.endswith(b"0\r\n\r\n"):
                self._finish(dechunk(bytes(self._buffer[self._body_at :])))
        elif len(self._buffer) >= self._body_at + self._length:
            self._finish(bytes(self._buffer[self._body_at :]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits must know."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionLost())

    def _finish(self, body: bytes) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(self._buffer[9:12]), body))


def content_length(head: bytes) -> int | None:
    """Length of the body, or None when it is chunked."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        match name.lower():
            case b"content-length":
                return int(value)
            case b"transfer-encoding":
                return None
    return 0


def dechunk(raw: bytes) -> bytes:
    """Join a complete chunked body."""
    parts: list[bytes] = []
    at = 0
    while True:
        line_end = raw.index(b"\r\n", at)
        size = int(raw[at:line_end].split(b";")[0], 16)
        if not size:
            return b"".join(parts)
        parts.append(raw[line_end + 2 : line_end + 2 + size])
        at = line_end + 4 + size
