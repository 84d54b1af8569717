"""Each attack and each test of RELIABILITY that federation answers for has a test which says so, by name or docstring."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
ATTACKS = [f"E{number}" for number in range(1, 16)]
OTHERS = ["O1", "O2", "R5", "R6", "R7", "R11", "S3", "S5", "S19"]


def stated_in(path: Path) -> Iterator[tuple[str, str]]:
    """Names of tests, each with what is said of it: its own docstring and the module's."""
    tree = ast.parse(path.read_text())
    said = ast.get_docstring(tree) or ""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name, f"{said} {ast.get_docstring(node) or ''}"


def rows_of(name: str, said: str) -> set[str]:
    named = re.match(r"test_([a-z]\d+)_", name)
    return {*re.findall(r"\b[EORS]\d{1,2}\b", said), *([named[1].upper()] if named else [])}


TESTED = {
    row
    for path in TESTS.rglob("test_*.py")
    if path != Path(__file__).resolve()
    for name, said in stated_in(path)
    for row in rows_of(name, said)
}


@pytest.mark.parametrize("row", [*ATTACKS, *OTHERS])
def test_the_row_has_a_test(row: str) -> None:
    assert row in TESTED
