"""Glob patterns (`*` any text, `?` one character) in time linear in the text: no pattern can hang the server.

A pattern is cut at its stars into pieces; each piece is searched once, from where the one before ended. Taking
the leftmost place is always right, because a star may swallow whatever comes next. Pieces without `?` use
`str.find`; those with one a regular expression of fixed length, which has nothing to backtrack over.

Spec: https://spec.matrix.org/v1.19/appendices/#glob-style-matching
"""

import re

import msgspec


class Piece(msgspec.Struct, frozen=True):
    """What stands between two stars. `wild` is None when it holds no `?`."""

    text: str
    wild: re.Pattern[str] | None

    def find(self, text: str, start: int) -> int:
        """The first place from `start` where the piece stands, or -1."""
        if self.wild is None:
            return text.find(self.text, start)
        found = self.wild.search(text, start)
        return found.start() if found else -1

    def at(self, text: str, start: int) -> bool:
        """Whether the piece stands exactly there."""
        if self.wild is None:
            return text.startswith(self.text, start)
        return start + len(self.text) <= len(text) and self.wild.match(text, start) is not None


class Glob(msgspec.Struct, frozen=True):
    """A parsed pattern: one piece when there is no star in it."""

    pieces: tuple[Piece, ...]


def parse(pattern: str) -> Glob:
    """Cut a pattern into pieces. It matches the case of the text: lower both when case does not count."""
    return Glob(tuple(_piece(text) for text in pattern.split("*")))


def parse_stars(pattern: str) -> Glob:
    """The same where only the star is special, as for event types in filters."""
    return Glob(tuple(Piece(text, None) for text in pattern.split("*")))


def _piece(text: str) -> Piece:
    if "?" not in text:
        return Piece(text, None)
    return Piece(text, re.compile(".".join(map(re.escape, text.split("?"))), re.DOTALL))


def matches(glob: Glob, text: str) -> bool:
    """Whether the pattern matches the whole text."""
    first, *others = glob.pieces
    if not first.at(text, 0):
        return False
    if not others:
        return len(text) == len(first.text)
    start = _skip_middle(glob, text, len(first.text))
    last_start = len(text) - len(others[-1].text)
    return 0 <= start <= last_start and others[-1].at(text, last_start)


def matches_words(glob: Glob, text: str) -> bool:
    """Whether the pattern matches a part of the text that begins and ends at a word boundary.

    A boundary is an end of the text or a character outside [A-Za-z0-9_].
    Spec: https://spec.matrix.org/v1.19/client-server-api/#conditions-1
    """
    first, *others = glob.pieces
    start = first.find(text, 0)
    while start >= 0:
        if _is_boundary(text, start - 1):
            end = start + len(first.text)
            if others:
                return _ends_at_word(glob, text, end)
            if _is_boundary(text, end):
                return True
        start = first.find(text, start + 1) if start < len(text) else -1
    return False


def _ends_at_word(glob: Glob, text: str, start: int) -> bool:
    start = _skip_middle(glob, text, start)
    last = glob.pieces[-1]
    if not last.text:  # a star at the end takes all the rest
        return start >= 0
    while start >= 0:
        found = last.find(text, start)
        if found < 0:
            return False
        if _is_boundary(text, found + len(last.text)):
            return True
        start = found + 1
    return False


def _skip_middle(glob: Glob, text: str, start: int) -> int:
    """The end of the pieces between first and last when each takes its leftmost place; -1 when one has none."""
    for piece in glob.pieces[1:-1]:
        found = piece.find(text, start)
        if found < 0:
            return -1
        start = found + len(piece.text)
    return start


def _is_boundary(text: str, index: int) -> bool:
    if index < 0 or index >= len(text):
        return True
    character = text[index]
    return not (character == "_" or (character.isascii() and character.isalnum()))
