"""Tokens for sync and pagination: one position of the tenant's log (DESIGN 3).

History that came by backfill has negative ones.
"""

from timserver.matrix import errors


def write(position: int) -> str:
    """The token of a position."""
    return f"s{position}"


def read(text: str, *, history: bool = False) -> int:
    """The position of a token; raises `InvalidParam` for what is none. Only who pages through history may be further
    back than the log begins.
    """
    digits = text[1:].removeprefix("-") if history else text[1:]
    if not text.startswith("s") or not (digits.isascii() and digits.isdigit()) or len(text) > 20:
        raise errors.InvalidParam("Unknown token")
    return int(text[1:])
