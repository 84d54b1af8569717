import time

import pytest

from timserver.media.open_graph import PROPERTIES_MAX, VALUE_LENGTH_MAX, read_page, read_properties


def meta(name: str, content: str) -> str:
    return f'<meta property="{name}" content="{content}">'


CASES = {
    "": {},
    "no markup <": {},
    meta("og:title", "Praxis"): {"og:title": "Praxis"},
    '<META Content="Praxis" Property=OG:Title />': {"og:title": "Praxis"},
    "<meta property='og:title' content='say \"hi\"'>": {"og:title": 'say "hi"'},
    "<meta\nproperty = og:title\n content = Praxis>": {"og:title": "Praxis"},
    '<meta name="og:title" content="a > b">': {"og:title": "a > b"},
    meta("og:title", "Tom &amp; Ann&#39;s\n  home"): {"og:title": "Tom & Ann's home"},
    meta("og:title", "first") + meta("og:title", "second"): {"og:title": "first"},
    meta("og:title", "") + meta("og:title", "second"): {"og:title": "second"},
    meta("og:image:alt", "x"): {"og:image:alt": "x"},
    meta("og:<b>", "x") + meta("twitter:title", "x") + meta("og:", "x"): {},
    "<title>Praxis</title>": {"og:title": "Praxis"},
    "<title >Praxis</title><svg><title>other</title></svg>": {"og:title": "Praxis"},
    "<title>page</title>" + meta("og:title", "graph"): {"og:title": "graph"},
    '<meta name="description" content="about">': {"og:description": "about"},
    "<!-- " + meta("og:title", "no") + " -->" + meta("og:type", "website"): {"og:type": "website"},
    "<!-- " + meta("og:title", "no"): {},
    "<title": {},
    "<title>unfinished": {},
    '<meta property="og:title" content="unfinished': {},
    "<metadata property=og:title content=x>": {},
}


@pytest.mark.parametrize("page", CASES)
def test_what_a_page_says(page: str) -> None:
    assert read_properties(page) == CASES[page]


def test_values_and_their_number_are_bounded() -> None:
    page = "".join(meta(f"og:x{number}", "y" * 5_000) for number in range(100))
    found = read_properties(page)
    assert len(found) == PROPERTIES_MAX
    assert {len(value) for value in found.values()} == {VALUE_LENGTH_MAX}


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/html; charset=iso-8859-1", "iso-8859-1"),
        ("text/html; charset=shift_jis", "shift_jis"),
        ("text/html", "utf-8"),
        ("text/html; charset=nonsense", "utf-8"),
        ("text/html; charset=windows-9999", "utf-8"),
        ("text/html; charset=punycode", "utf-8"),
    ],
)
def test_charsets(content_type: str, charset: str) -> None:
    text = "Grüße" if "jis" not in charset else "日本"
    page = meta("og:title", text).encode(charset)
    assert read_page(page, content_type) == {"og:title": text}


def test_the_page_itself_may_name_its_charset() -> None:
    page = ('<meta charset="windows-1252">' + meta("og:title", "Grüße")).encode("windows-1252")
    assert read_page(page, "text/html") == {"og:title": "Grüße"}


@pytest.mark.parametrize(
    "piece",
    [
        "<meta ",
        "<meta a=",
        '<meta a="',
        "<meta a='",
        '<meta "',
        "<title ",
        "<title>",
        "<!--",
        "<meta\t/ ",
        "&#",
    ],
)
def test_hostile_pages_take_no_more_time_than_others(piece: str) -> None:
    page = piece * (1_048_576 // len(piece))
    begin = time.process_time()
    read_page(page.encode(), "text/html")
    assert time.process_time() - begin < 5
