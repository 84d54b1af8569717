"""Tokens for sync and pagination: one position of the tenant's log (DESIGN 3).

History that came by backfill has negative ones.
"""

from timserver.matrix import errors


def write(position: int) -> str:
    """The token of a position."""
    return f"s{position}"


def write_beginning(position: int, synced: int) -> str:
    """The token of where a timeline begins, in a sync that reached to `synced`."""
    return f"s{position}_{synced}"


def read_synced(text: str) -> int:
    """The position that the client had seen who asks who was in a room: of a token that says where a timeline began,
    the end of that sync, whose timeline it has as well; of others their own. Raises `InvalidParam`.
    """
    _, beginning, synced = text.partition("_")
    read(text, history=True)
    return read(f"s{synced}") if beginning else read(text)


def read(text: str, *, history: bool = False) -> int:
    """The position of a token; raises `InvalidParam` for what is none. Only who pages through history may be further
    back than the log begins.
    """
    if history:
        text = text.partition("_")[0]
    digits = text[1:].removeprefix("-") if history else text[1:]
    if not text.startswith("s") or not (digits.isascii() and digits.isdigit()) or len(text) > 20:
        raise errors.InvalidParam("Unknown token")
    return int(text[1:])
