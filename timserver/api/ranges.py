"""Conditional and partial GET for contents that never change (RFC 9110 sections 13 and 14), as pure decisions."""

import re

import msgspec

_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)\Z")


class Stretch(msgspec.Struct, frozen=True):
    """What to send of a file."""

    status: int
    """200 all, 206 a part, 304 nothing new, 416 a part that is not there."""
    offset_bytes: int = 0
    size_bytes: int = 0


def stretch_of(
    size_bytes: int, etag: str, *, if_none_match: str | None, wanted: str | None, if_range: str | None
) -> Stretch:
    """Decide by the headers `If-None-Match`, `Range` (`wanted`) and `If-Range`.

    Several ranges, other units and nonsense are ignored, as the RFC allows: the whole file is sent.
    """
    if if_none_match is not None and _names(if_none_match, etag):
        return Stretch(304)
    whole = Stretch(200, 0, size_bytes)
    match = _RANGE.match(wanted.strip()) if wanted is not None and len(wanted) < 64 else None
    if match is None or (if_range is not None and if_range.strip() != etag):
        return whole
    first, last = match.groups()
    if not first and not last:
        return whole
    if not first:
        length = min(int(last), size_bytes)
        return Stretch(206, size_bytes - length, length) if length else Stretch(416)
    if last and int(last) < int(first):
        return whole
    if int(first) >= size_bytes:
        return Stretch(416)
    end = min(int(last), size_bytes - 1) if last else size_bytes - 1
    return Stretch(206, int(first), end - int(first) + 1)


def _names(if_none_match: str, etag: str) -> bool:
    """A weak comparison, as If-None-Match wants it."""
    return if_none_match.strip() == "*" or etag in (
        item.strip().removeprefix("W/") for item in if_none_match.split(",")
    )
