"""What a page of the web says of itself, by the Open Graph protocol (https://ogp.me/).

Pages are anybody's, so they are read in one pass that never goes back: time grows with their length and no faster.
Only `meta` elements and the first `title` are looked at, wherever they stand.
"""

import html
import re
from collections.abc import Iterator
from typing import Final

PROPERTIES_MAX: Final = 50
VALUE_LENGTH_MAX: Final = 2_000
_TAG_LENGTH_MAX: Final = 16_384

_START = re.compile(r"<(?:(meta)(?=[\s/])|(title)(?=[\s>])|!--)", re.IGNORECASE)
_NAME = re.compile(r"[\s/]*([^\s/=<>\"']{1,64})")
_EQUALS = re.compile(r"\s{0,64}=\s{0,64}")
_UNQUOTED = re.compile(r"[^\s<>\"']{1,2000}")
_PROPERTY = re.compile(r"og:[a-z][a-z0-9:_]{0,60}\Z")
_SPACES = re.compile(r"\s+")
_CHARSET = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_HARMLESS = re.compile(
    r"(?:utf-?8|us-ascii|(?:iso-8859|windows|cp)-?[0-9]{1,4}|koi8-[ru]|shift[_-]jis|euc-(?:jp|kr)|gb2312|gbk|gb18030|big5)\Z",
    re.IGNORECASE,
)
"""Python has other codecs too, some of which take their time."""
_CHARSET_WITHIN = 4_096


def read_page(body: bytes, content_type: str) -> dict[str, str]:
    """The `og:` properties, the first of each; title and description also from the page's own elements."""
    return read_properties(_text(body, content_type))


def read_properties(page: str) -> dict[str, str]:
    """As `read_page`, of text."""
    found: dict[str, str] = {}
    title = description = None
    for kind, content in _elements(page):
        if kind == "title":
            title = title or content
        elif kind == "description":
            description = description or content
        elif _PROPERTY.match(kind) and content and len(found) < PROPERTIES_MAX:
            found.setdefault(kind, content)
    for name, own in (("og:title", title), ("og:description", description)):
        if own:
            found.setdefault(name, own)
    return found


def _elements(page: str) -> Iterator[tuple[str, str]]:
    """Names (of properties, or `title`) with their values."""
    position = 0
    while start := _START.search(page, position):
        position = start.end()
        if start[1]:
            attributes, position = _attributes(page, position)
            name = attributes.get("property") or attributes.get("name") or ""
            yield name.strip().lower(), _value(attributes.get("content", ""))
        elif start[2]:
            begin = page.find(">", position) + 1
            end = page.find("<", begin)
            if not begin or end < 0:
                return
            yield "title", _value(page[begin:end])
            position = end
        else:
            position = page.find("-->", position)
            if position < 0:
                return


def _attributes(page: str, position: int) -> tuple[dict[str, str], int]:
    """Attributes of the tag whose name ends at a place, and the place behind what was read of it."""
    found: dict[str, str] = {}
    until = position + _TAG_LENGTH_MAX
    while position < until and (name := _NAME.match(page, position)):
        position = name.end()
        value = ""
        if equals := _EQUALS.match(page, position):
            position = equals.end()
            quote = page[position : position + 1]
            if quote in ('"', "'"):
                end = page.find(quote, position + 1, until)
                if end < 0:
                    return found, position
                value, position = page[position + 1 : end], end + 1
            elif unquoted := _UNQUOTED.match(page, position):
                value, position = unquoted[0], unquoted.end()
        found.setdefault(name[1].lower(), value)
    return found, position


def _value(raw: str) -> str:
    text = html.unescape(raw[: 4 * VALUE_LENGTH_MAX])
    return _SPACES.sub(" ", text).strip()[:VALUE_LENGTH_MAX].encode(errors="ignore").decode()


def _text(body: bytes, content_type: str) -> str:
    head = body[:_CHARSET_WITHIN].decode("ascii", "replace")
    named = _CHARSET.search(content_type) or _CHARSET.search(head)
    charset = named[1] if named and _HARMLESS.match(named[1]) else "utf-8"
    try:
        return body.decode(charset, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
