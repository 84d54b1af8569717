import pytest

from timserver.media import sniff


@pytest.mark.parametrize(
    ("declared", "served"),
    [
        ("image/png", "image/png"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ('multipart/form-data; boundary="a b"', 'multipart/form-data; boundary="a b"'),
        (None, sniff.UNKNOWN),
        ("", sniff.UNKNOWN),
        ("image", sniff.UNKNOWN),
        ("image/png\r\nSet-Cookie: a=b", sniff.UNKNOWN),
        ("image/png; x=\u00e4", sniff.UNKNOWN),
        ("image/png,text/html", sniff.UNKNOWN),
        ("a/" + "b" * 300, sniff.UNKNOWN),
    ],
)
def test_content_types(declared: str | None, served: str) -> None:
    assert sniff.clean_content_type(declared) == served


@pytest.mark.parametrize("content_type", ["image/png", "IMAGE/PNG", "text/plain; charset=utf-8", "video/mp4"])
def test_safe_types_are_inline(content_type: str) -> None:
    assert sniff.disposition(content_type, None) == "inline"


@pytest.mark.parametrize(
    "content_type",
    ["image/svg+xml", "text/html", "text/html; image/png", "application/xhtml+xml", "application/pdf"],
)
def test_everything_else_is_an_attachment(content_type: str) -> None:
    assert sniff.disposition(content_type, None) == "attachment"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("ascii.md", 'inline; filename="ascii.md"'),
        ("name;with;semicolons", 'inline; filename="name;with;semicolons"'),
        ("name with spaces", 'inline; filename="name with spaces"'),
        ("☕.png", "inline; filename=\"_.png\"; filename*=utf-8''%E2%98%95.png"),
        ('a"b\\c', "inline; filename=\"a_b_c\"; filename*=utf-8''a%22b%5Cc"),
        ("../../etc/passwd", 'inline; filename="../../etc/passwd"'),
    ],
)
def test_dispositions(name: str, header: str) -> None:
    assert sniff.disposition("image/png", sniff.clean_file_name(name)) == header


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("a\r\nSet-Cookie: b", "aSet-Cookie: b"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("\x00", None),
        ("", None),
        (None, None),
        ("ä" * 200, "ä" * 127),
        ("\ud800", None),
    ],
)
def test_file_names_lose_what_deceives(name: str | None, cleaned: str | None) -> None:
    assert sniff.clean_file_name(name) == cleaned


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 12, "image/jpeg"),
        (b"GIF89a" + b"\0" * 10, "image/gif"),
        (b"RIFF\x0a\0\0\0WEBPVP8 ", "image/webp"),
        (b"<svg xmlns='http", None),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"", None),
    ],
)
def test_pictures_are_known_by_their_first_bytes(head: bytes, kind: str | None) -> None:
    assert sniff.sniff_picture(head) == kind
