import pytest

from timserver.api.ranges import Stretch, stretch_of

WHOLE = Stretch(200, 0, 100)
ETAG = '"v"'


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, WHOLE),
        ("bytes=0-0", Stretch(206, 0, 1)),
        ("bytes=0-", Stretch(206, 0, 100)),
        ("bytes=10-19", Stretch(206, 10, 10)),
        ("bytes=90-1000", Stretch(206, 90, 10)),
        ("bytes=-10", Stretch(206, 90, 10)),
        ("bytes=-1000", Stretch(206, 0, 100)),
        ("bytes=100-", Stretch(416)),
        ("bytes=-0", Stretch(416)),
        ("bytes=20-10", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=0-1,5-6", WHOLE),
        ("lines=1-2", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=" + "9" * 100 + "-", WHOLE),
        ("bytes=²-", WHOLE),
    ],
)
def test_ranges(wanted: str | None, expected: Stretch) -> None:
    assert stretch_of(100, ETAG, if_none_match=None, wanted=wanted, if_range=None) == expected


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [('"v"', 304), ('W/"v"', 304), ('"a", "v"', 304), ("*", 304), ('"other"', 206), ("v", 206)],
)
def test_what_the_client_has_is_not_sent_again(if_none_match: str, status: int) -> None:
    decided = stretch_of(100, ETAG, if_none_match=if_none_match, wanted="bytes=0-9", if_range=None)
    assert decided.status == status


@pytest.mark.parametrize(("if_range", "status"), [('"v"', 206), ('"old"', 200), ("Mon, 23 Nov 2026", 200)])
def test_a_part_of_another_version_is_not_wanted(if_range: str, status: int) -> None:
    assert stretch_of(100, ETAG, if_none_match=None, wanted="bytes=0-9", if_range=if_range).status == status


def test_an_empty_file() -> None:
    assert stretch_of(0, ETAG, if_none_match=None, wanted=None, if_range=None) == Stretch(200, 0, 0)
    assert stretch_of(0, ETAG, if_none_match=None, wanted="bytes=0-", if_range=None) == Stretch(416)
