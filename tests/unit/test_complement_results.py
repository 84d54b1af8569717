"""How a Complement run is read and held against the committed file."""

import json

import pytest

from conformance.complement import results


def lines(*events: tuple[str, str, str]) -> list[str]:
    """`go test -json` lines from (action, test, output)."""
    return [json.dumps({"Action": action, "Test": test, "Output": output}) for action, test, output in events]


RUN = lines(
    ("run", "TestRoom", ""),
    ("run", "TestRoom/Create", ""),
    ("pass", "TestRoom/Create", ""),
    ("run", "TestRoom/Forget", ""),
    ("output", "TestRoom/Forget", "=== RUN   TestRoom/Forget\n"),
    ("output", "TestRoom/Forget", "    room_test.go:12: got 404, want 200\n"),
    ("fail", "TestRoom/Forget", ""),
    ("fail", "TestRoom", ""),
    ("run", "TestSync", ""),
    ("output", "TestSync", "    sync_test.go:3: needs workers\n"),
    ("skip", "TestSync", ""),
    ("run", "TestHangs", ""),
)
SEEN = {
    "TestRoom": "fail: says nothing",
    "TestRoom/Create": "pass",
    "TestRoom/Forget": "fail: got 404, want 200",
    "TestSync": "skip: needs workers",
    "TestHangs": "fail: did not end",
}


def test_reads_results_and_reasons_from_the_lines_of_go_test() -> None:
    assert results.parse(["goos: linux", *RUN, '{"Action":"fail","Package":"csapi"}']) == SEEN


def test_groups_that_have_parts_are_counted_by_their_parts_only() -> None:
    nested = lines(
        ("run", "TestA", ""), ("run", "TestA/b", ""), ("run", "TestA/b/c", ""), ("pass", "TestA/b/c", "")
    )
    assert "TestA/b" not in results.parse(nested)


@pytest.mark.parametrize(
    ("known", "whole", "regressions", "unnamed", "good"),
    [
        (SEEN, True, [], [], True),
        (SEEN | {"TestRoom/Forget": "pass"}, True, ["TestRoom/Forget"], [], False),
        (SEEN | {"TestSync": "pass"}, True, ["TestSync"], [], False),
        (SEEN | {"TestGone": "pass"}, True, ["TestGone"], [], False),
        (SEEN | {"TestGone": "pass"}, False, [], [], True),
        ({k: v for k, v in SEEN.items() if k != "TestHangs"}, True, [], ["TestHangs"], False),
    ],
)
def test_a_lost_pass_or_an_unnamed_failure_spoils_the_run(
    known: results.Results, whole: bool, regressions: list[str], unnamed: list[str], good: bool
) -> None:
    comparison = results.compare(known, SEEN, whole=whole)
    assert (comparison.regressions, comparison.unnamed_failures) == (regressions, unnamed)
    assert comparison.good is good


def test_an_update_takes_new_passes_and_never_a_pass_away() -> None:
    known = {
        "TestRoom/Create": "fail: soon",
        "TestRoom/Forget": "pass",
        "TestSync": "skip: by hand",
        "TestOld": "fail: x",
    }
    assert results.compare(known, SEEN, whole=True).new_passes == ["TestRoom/Create"]
    assert results.updated(known, SEEN, whole=True) == {
        "TestHangs": "fail: did not end",
        "TestRoom": "fail: says nothing",
        "TestRoom/Create": "pass",
        "TestRoom/Forget": "pass",
        "TestSync": "skip: by hand",
    }


def test_the_summary_counts_leaf_cases() -> None:
    line = results.summary("csapi", {"TestRoom/Create": "pass"}, SEEN)
    assert line == "csapi: 1 passed, 2 failed, 1 skipped (bar 1 passed; top level 0 of 3)"
