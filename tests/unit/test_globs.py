import time

import pytest

from timserver.matrix import globs


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "anything\nat all", True),
        ("m.room.*", "m.room.message", True),
        ("m.room.*", "m.room", False),
        ("*.message", "m.room.message", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("lunc?*", "lunch plans", True),
        ("lunc?*", "lunc", False),
        ("lunc?*", " lunch", False),
        ("a?c", "abc", True),
        ("a?c", "a\nc", True),
        ("a?c", "ac", False),
        ("a?", "abc", False),
        ("*b?*d", "abcbcd", True),
        ("a.c", "abc", False),
        ("a**c", "ac", True),
        ("*?", "", False),
    ],
)
def test_whole_text(pattern: str, text: str, expected: bool) -> None:
    assert globs.matches(globs.parse(pattern), text) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("cake", "a cake!", True),
        ("cake", "cakes", False),
        ("cake", "cupcake", False),
        ("cake", "cakes and cake", True),
        ("cake", "cheese_cake", False),
        ("cake", "übercake", False),
        ("cake", "cakeü", True),
        ("ex*ple", "an example event.", True),
        ("ex*ple", "exple", True),
        ("ex*ple", "an exciting triple-whammy", True),
        ("ex*ple", "an exciting triples", False),
        ("@room", "hey @room: lunch", True),
        ("@room", "hey@room", False),
        ("c?ke", "a coke", True),
        ("*", "", True),
        ("*ake", "cupcake", True),
        ("cak*", "cakes", True),
        ("aa", "aaa aa", True),
        ("", "a", False),
        ("", "a -", True),
    ],
)
def test_by_words(pattern: str, text: str, expected: bool) -> None:
    assert globs.matches_words(globs.parse(pattern), text) is expected


@pytest.mark.parametrize(
    "pattern", ["*a" * 100 + "b", "a?" * 100 + "b", "*a?" * 80 + "b", "a" * 250 + "b", "*" * 255]
)
def test_no_pattern_hangs(pattern: str) -> None:
    text = "a" * 65_000
    started = time.thread_time()
    globs.matches(globs.parse(pattern), text)
    globs.matches_words(globs.parse(pattern), text)
    assert time.thread_time() - started < 1
