"""A large JSON object taken apart while its bytes arrive, so that nobody holds it whole."""

from collections.abc import Sequence
from typing import Protocol

from timserver.core import choice
from timserver.core.definition import splitting as by_definition

if choice.HAS_ENGINE:
    from timserver.core import engine


class Splitter(Protocol):
    """Gives pieces of one JSON object: the items of some of its members, which must be lists, and others as they are.

    A piece is the member's name and the bytes, which are JSON but may have duplicate keys, lone surrogates and what is no
    UTF-8. Pieces come in their order. All other members are passed over.
    """

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """Some more bytes; pieces that are complete, at the latest with the end. Raises ValueError, and must not be used
        after that.
        """

    def end(self) -> list[tuple[str, bytes]]:
        """No more bytes. Raises ValueError."""


def splitter(lists: Sequence[str], values: Sequence[str], piece_bytes_max: int) -> Splitter:
    """Of a piece that is longer, one byte more than `piece_bytes_max` is given, which is far more than a name has.

    Refused are: what is no JSON object, more than `piece_bytes_max` levels, a member in `lists` that is missing or is no
    list, and a member in either that comes twice.
    """
    kind = engine.Splitter if choice.HAS_ENGINE else by_definition.Splitter
    return kind(lists, values, piece_bytes_max)
