"""What a run of `go test` said, beside what the committed result file says. No I/O but the file itself.

The file maps each test (top-level tests and leaf cases) to `pass`, `skip: …` or `fail: reason`. It only grows: a
test that passed and now does not is a failed run, and `--update` never takes a pass away; that needs a human hand.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

REASON_CHARS_MAX = 160
NOISE = re.compile(r"^(=== |--- |\d{4}[/-]\d\d[/-]\d\d |\s*$)")
PLACE = re.compile(r"^\s*[\w./-]+\.go:\d+: ")

Results = dict[str, str]


@dataclass(frozen=True)
class Comparison:
    """A run against the file; the lists hold names of tests."""

    regressions: list[str] = field(default_factory=list)
    unnamed_failures: list[str] = field(default_factory=list)
    new_passes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Nothing that passed is lost, and every failure is named in the file."""
        return not self.regressions and not self.unnamed_failures


def parse(lines: Iterable[str]) -> Results:
    """Results from the lines of `go test -json`; a test that began and never ended is a failure."""
    results: Results = {}
    words: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        name = event.get("Test")
        if name is None:
            continue
        match event["Action"]:
            case "run":
                results[name] = "fail: did not end"
            case "output":
                words.setdefault(name, []).append(event["Output"])
            case "pass":
                results[name] = "pass"
            case "fail" | "skip" as verdict:
                results[name] = f"{verdict}: {reason(words.get(name, []))}"
    return {name: result for name, result in results.items() if "/" not in name or is_leaf(name, results)}


def is_leaf(name: str, results: Results) -> bool:
    """Whether no other test is a part of this one."""
    return not any(other.startswith(f"{name}/") for other in results)


def reason(output: list[str]) -> str:
    """The last line of a test's own words that says something, without its place in the source."""
    for line in reversed(output):
        if not NOISE.match(line):
            return PLACE.sub("", line).strip()[:REASON_CHARS_MAX]
    return "says nothing"


def compare(known: Results, seen: Results, *, whole: bool) -> Comparison:
    """`whole`: every test of the package was asked for, so a pass that is absent is lost as well."""
    lost = [name for name, result in known.items() if result == "pass" and seen.get(name, "pass") != "pass"]
    absent = (
        [name for name, result in known.items() if result == "pass" and name not in seen] if whole else []
    )
    return Comparison(
        regressions=sorted(lost + absent),
        unnamed_failures=sorted(n for n, r in seen.items() if r.startswith("fail") and n not in known),
        new_passes=sorted(n for n, r in seen.items() if r == "pass" and known.get(n) != "pass"),
    )


def updated(known: Results, seen: Results, *, whole: bool) -> Results:
    """The file after this run: new passes and newly seen tests enter, known reasons and passes stay."""
    kept = {name: result for name, result in known.items() if result == "pass" or not whole or name in seen}
    fresh = {name: result for name, result in seen.items() if result == "pass" or name not in known}
    return dict(sorted((kept | fresh).items()))


def summary(package: str, known: Results, seen: Results) -> str:
    """One line: `csapi: N passed, M failed, K skipped (bar …; top level …)`, counted in leaf cases."""
    cases = [result for name, result in seen.items() if is_leaf(name, seen)]
    top = [result for name, result in seen.items() if "/" not in name]
    passed, skipped = cases.count("pass"), sum(result.startswith("skip") for result in cases)
    bar = sum(result == "pass" for name, result in known.items() if is_leaf(name, known))
    return (
        f"{package}: {passed} passed, {len(cases) - passed - skipped} failed, {skipped} skipped"
        f" (bar {bar} passed; top level {top.count('pass')} of {len(top)})"
    )


def load(path: Path) -> Results:
    """The committed results, none when there is no file yet."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def save(path: Path, results: Results) -> None:
    """Write the file, one test a line, sorted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
