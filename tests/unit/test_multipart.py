"""The body of another server's media answer, cut into pieces in every way."""

import pytest

from timserver.matrix.multipart import (
    Malformed,
    MixedParser,
    PartBegins,
    PartEnds,
    boundary_of,
    file_name_of,
)

BODY = (
    b"preamble\r\n--b0\r\nContent-Type: application/json\r\n\r\n{}\r\n--b0 \r\nContent-TYPE: text/plain\r\n"
    b"Content-Disposition: inline\r\n\r\nfirst\r\n--b\r\n--b1 second\r\n\r\n--b0--\r\nepilogue"
)
PARTS = [
    ({"content-type": "application/json"}, b"{}"),
    ({"content-type": "text/plain", "content-disposition": "inline"}, b"first\r\n--b\r\n--b1 second\r\n"),
]


def parts_of(body: bytes, size: int, boundary: str = "b0") -> list[tuple[dict[str, str], bytes]]:
    parser, found, ended = MixedParser(boundary), [], 0
    for at in range(0, len(body), size):
        for item in parser.feed(body[at : at + size]):
            if isinstance(item, PartBegins):
                found.append((dict(item.headers), b""))
            elif isinstance(item, PartEnds):
                ended += 1
            else:
                found[-1] = (found[-1][0], found[-1][1] + item)
    assert not list(parser.feed(f"\r\n--{boundary}\r\n\r\nbehind the end".encode()))
    assert ended == len(found)
    return found


@pytest.mark.parametrize("size", range(1, len(BODY) + 1))
def test_parts_come_out_whole_however_they_are_cut(size: int) -> None:
    assert parts_of(BODY, size) == PARTS


def test_a_part_may_be_empty_and_without_headers() -> None:
    assert parts_of(b"--b0\r\n\r\n\r\n--b0\r\n\r\nx\r\n--b0--", 3) == [({}, b""), ({}, b"x")]


def test_no_more_than_a_delimiter_is_held_back() -> None:
    parser = MixedParser("b0")
    list(parser.feed(b"--b0\r\n\r\n"))
    told = b"".join(item for item in parser.feed(b"x" * 1000) if isinstance(item, bytes))
    assert len(told) >= 1000 - len(b"\r\n--b0")


@pytest.mark.parametrize(
    "body",
    [
        b"--b0 text\r\n\r\n",
        b"--b0\r\nno colon\r\n\r\n",
        b"--b0\r\nA: " + b"x" * 20_000,
        b"--b0" + b" " * 20_000,
    ],
)
def test_what_is_no_such_body(body: bytes) -> None:
    with pytest.raises(Malformed):
        list(MixedParser("b0").feed(body))


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/mixed; boundary=b0", "b0"),
        ('Multipart/Mixed; charset=x; boundary="a b:c"', "a b:c"),
        ("multipart/form-data; boundary=b0", None),
        ("multipart/mixed", None),
        ('multipart/mixed; boundary=""', None),
        ("multipart/mixed; boundary=" + "x" * 71, None),
        ("text/plain", None),
    ],
)
def test_boundaries(content_type: str, boundary: str | None) -> None:
    if boundary is None:
        with pytest.raises(Malformed):
            boundary_of(content_type)
    else:
        assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (None, None),
        ("inline", None),
        ('attachment; filename="a b.txt"', "a b.txt"),
        ("attachment; filename=a.txt", "a.txt"),
        ("attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt"),
        ("inline; filename=\"Gr__e.txt\"; filename*=utf-8''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt"),
        ("attachment; filename*=nonsense''%FF", "ÿ"),
        ('attachment; filename="x\r\ny"', "xy"),
    ],
)
def test_file_names(disposition: str | None, name: str | None) -> None:
    assert file_name_of(disposition) == name
