"""A JSON object taken apart by means of Python's `json`, all of it at the end; `core.splitting` says what comes out.

Bytes become characters one by one: whether they are UTF-8 is asked by whoever reads a piece.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

from timserver.core.definition.json_check import check_depth

_BLANKS: Final = " \t\n\r"


def _refuse(*_: object) -> NoReturn:
    raise ValueError


_decode = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=_refuse).raw_decode


class Splitter:
    """Refuses deep nesting where Python does, if not before."""

    def __init__(self, lists: Sequence[str], values: Sequence[str], piece_bytes_max: int) -> None:
        self._lists, self._values, self._piece_bytes_max = lists, values, piece_bytes_max
        self._data = bytearray()

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """Nothing yet."""
        self._data += data
        return []

    def end(self) -> list[tuple[str, bytes]]:
        """All pieces. Raises ValueError."""
        text = _Text(self._data.decode("latin-1"), self._piece_bytes_max)
        try:
            pieces = [(name, piece[: self._piece_bytes_max + 1]) for name, piece in self._pieces(text)]
            text.expect("")
        except (ValueError, RecursionError) as error:
            raise ValueError("shape") from error
        return pieces

    def _pieces(self, text: "_Text") -> Iterator[tuple[str, bytes]]:
        seen = set()
        for _ in text.inside("{", "}"):
            name = text.key()
            if name in seen:
                _refuse()
            if name in (*self._lists, *self._values):
                seen.add(name)
            if name in self._lists:
                yield from ((name, text.value()) for _ in text.inside("[", "]"))
                continue
            value = text.value()
            if name in self._values:
                yield name, value
        if not seen.issuperset(self._lists):
            _refuse()


class _Text:
    def __init__(self, text: str, depth_max: int) -> None:
        self._text, self._at, self._levels_left = text, 0, depth_max

    def _next(self) -> str:
        """The next character that is no blank, not yet taken; empty at the end."""
        while self._text[self._at : self._at + 1] in (*_BLANKS,):
            self._at += 1
        return self._text[self._at : self._at + 1]

    def expect(self, character: str) -> None:
        """Take it, or refuse."""
        if self._next() != character:
            _refuse()
        self._at += len(character)

    def value(self) -> bytes:
        """Take a value."""
        self._next()
        begin = self._at
        value, self._at = _decode(self._text, begin)
        check_depth(value, self._levels_left)
        return self._text[begin : self._at].encode("latin-1")

    def key(self) -> str:
        """Take a key and its colon."""
        if self._next() != '"':
            _refuse()
        key, self._at = _decode(self._text, self._at)
        self.expect(":")
        return str(key)

    def inside(self, opening: str, closing: str) -> Iterator[None]:
        """Once for each of what stands between the brackets, which is to be taken then."""
        self.expect(opening)
        self._levels_left -= 1
        if self._next() != closing:
            yield
            while self._next() == ",":
                self.expect(",")
                yield
        self._levels_left += 1
        self.expect(closing)
