"""`multipart/mixed` as it comes from other servers: a parser that is fed pieces and holds no more than a delimiter.

Spec: https://spec.matrix.org/v1.19/server-server-api/#content-repository and RFC 2046, section 5.1
"""

import re
from collections.abc import Iterator, Mapping
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any, Final

import msgspec

HEADER_BYTES_MAX: Final = 16_384
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")


class Malformed(ValueError):
    """Not such a body."""


class PartBegins(msgspec.Struct, frozen=True):
    """The headers of a part, names in lower case."""

    headers: Mapping[str, str]


class PartEnds(msgspec.Struct, frozen=True):
    """All of the part's bytes were told."""


class MixedParser:
    """Feed it the body; it tells parts, their bytes, their ends. What stands before the first part and behind the last is
    passed over.
    """

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"\r\n--" + boundary.encode()
        self._buffer = b"\r\n"
        self._state = "preamble"

    def feed(self, data: bytes) -> Iterator[PartBegins | PartEnds | bytes]:
        """Raises `Malformed`."""
        self._buffer += data
        while self._state != "closed":
            if self._state == "headers":
                headers = self._take_headers()
                if headers is None:
                    return
                yield PartBegins(headers)
                self._state = "content"
            elif self._state == "delimiter":
                if not self._take_delimiter():
                    return
            else:
                content, found = self._take_content()
                if content and self._state == "content":
                    yield content
                if not found:
                    return
                if self._state == "content":
                    yield PartEnds()
                self._state = "delimiter"

    def _take_content(self) -> tuple[bytes, bool]:
        """What surely belongs to the part, and whether the delimiter follows it."""
        place = self._buffer.find(self._delimiter)
        if place >= 0:
            content, self._buffer = self._buffer[:place], self._buffer[place + len(self._delimiter) :]
            return content, True
        sure = max(0, len(self._buffer) - len(self._delimiter) + 1)
        content, self._buffer = self._buffer[:sure], self._buffer[sure:]
        return content, False

    def _take_delimiter(self) -> bool:
        """The rest of the delimiter's line: `--` closes the body."""
        if self._buffer.startswith(b"--"):
            self._state = "closed"
            return True
        line, found, rest = self._buffer.partition(b"\r\n")
        if not found:
            if len(self._buffer) > HEADER_BYTES_MAX:
                raise Malformed("a delimiter without an end")
            return False
        if line.strip(b" \t"):
            raise Malformed("text behind a delimiter")
        self._buffer, self._state = b"\r\n" + rest, "headers"
        return True

    def _take_headers(self) -> Mapping[str, str] | None:
        place = self._buffer.find(b"\r\n\r\n")
        if place < 0 or place > HEADER_BYTES_MAX:
            if len(self._buffer) > HEADER_BYTES_MAX:
                raise Malformed("headers are too long")
            return None
        lines, self._buffer = self._buffer[:place], self._buffer[place + 4 :]
        headers = {}
        for line in lines.split(b"\r\n"):
            name, colon, value = line.partition(b":")
            if line and not colon:
                raise Malformed("a header without a colon")
            if line:
                headers[name.strip().decode("ascii", "replace").lower()] = value.strip().decode(
                    "utf-8", "replace"
                )
        return headers


def boundary_of(content_type: str) -> str:
    """The boundary of `multipart/mixed`. Raises `Malformed` for any other type."""
    message = Message()
    message["Content-Type"] = content_type.replace("\r", "").replace("\n", "")
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/mixed" or not isinstance(boundary, str):
        raise Malformed("not multipart/mixed")
    if not _BOUNDARY.fullmatch(boundary):
        raise Malformed("not a boundary")
    return boundary


def file_name_of(disposition: str | None) -> str | None:
    """The file name in a `Content-Disposition`; of its two forms the extended one counts (RFC 6266)."""
    if disposition is None:
        return None
    message = Message()
    message["Content-Disposition"] = disposition.replace("\r", "").replace("\n", "")
    try:
        params: list[tuple[str, Any]] = list(message.get_params([], "content-disposition"))
        values = [value for name, value in params if name.lower() == "filename"]
        extended = [value for value in values if isinstance(value, tuple)]
        return next((collapse_rfc2231_value(value) for value in extended + values), None)
    except (UnicodeError, LookupError, ValueError):
        return None
