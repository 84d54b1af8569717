"""Tokens for sync and pagination: one position of the tenant's log (DESIGN 3)."""

from timserver.matrix import errors


def write(position: int) -> str:
    """The token of a position."""
    return f"s{position}"


def read(text: str) -> int:
    """The position of a token; raises `InvalidParam` for what is none."""
    if not text.startswith("s") or not text[1:].isdigit() or len(text) > 20:
        raise errors.InvalidParam("Unknown token")
    return int(text[1:])
