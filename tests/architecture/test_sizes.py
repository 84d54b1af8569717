"""STYLE 11: sizes of files and functions; STYLE 3: first parameters."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "timserver"
FILES = sorted(ROOT.rglob("*.py"))
FILE_LINES_MAX, FUNCTION_LINES_MAX, PARAMETERS_MAX = 500, 60, 8
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "handler", "base", "misc"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_are_short(path: Path) -> None:
    assert path.read_text().count("\n") <= FILE_LINES_MAX
    too_long = {
        f.name: f.end_lineno
        for f in functions(path)
        if (f.end_lineno or 0) - f.lineno + 1 > FUNCTION_LINES_MAX
    }
    assert not too_long
    parameters = {f.name: len([*f.args.args, *f.args.kwonlyargs]) for f in functions(path)}
    methods_allow_self = {name for name, count in parameters.items() if count > PARAMETERS_MAX + 1}
    assert not methods_allow_self


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_module_is_called_by_what_it_is_not(path: Path) -> None:
    assert path.stem not in FORBIDDEN_NAMES
    assert path.parent.name not in FORBIDDEN_NAMES


def first_parameters(function: Function) -> list[str]:
    return [argument.arg for argument in function.args.args[:2]]


@pytest.mark.parametrize("path", sorted((ROOT / "usecases").rglob("*.py")), ids=name_of)
def test_use_cases_and_steps_begin_with_context_or_connection(path: Path) -> None:
    tree = ast.parse(path.read_text())
    public = [n for n in tree.body if isinstance(n, ast.AsyncFunctionDef) and not n.name.startswith("_")]
    for function in public:
        first = first_parameters(function)
        assert first, function.name
        assert first[0] in {"ctx", "conn", "costs"}, function.name


MACHINERY = {"database", "statement", "migrate", "embedded", "bus", "streams", "inspection"}
ACROSS_TENANTS = {
    "tenants": {"find_by_host", "all_tenants", "by_ids", "unsafe_keys"},
    "destinations": {"claim_due", "waiting"},
    "inbox": {"take_turns"},
}
"""Questions on the tables that belong to no tenant; `unsafe_keys` compares what the tenants have."""
TABLE_GROUPS = [path for path in sorted((ROOT / "store").glob("*.py")) if path.stem not in MACHINERY]


@pytest.mark.parametrize("path", TABLE_GROUPS, ids=name_of)
def test_store_functions_take_connection_and_tenant(path: Path) -> None:
    tree = ast.parse(path.read_text())
    public = [n for n in tree.body if isinstance(n, ast.AsyncFunctionDef) and not n.name.startswith("_")]
    for function in public:
        names = [argument.arg for argument in function.args.args]
        assert names[0] in {"conn", "database"}, function.name
        if path.stem == "server_keys":
            continue  # facts of the world, the same for all tenants
        if function.name not in ACROSS_TENANTS.get(path.stem, ()):
            assert "tenant" in names[:3], function.name


@pytest.mark.parametrize("path", sorted((ROOT / "usecases").rglob("*.py")), ids=name_of)
def test_each_public_use_case_says_what_it_does(path: Path) -> None:
    undocumented = [
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, Function | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not undocumented


def test_mutable_state_does_not_live_in_modules() -> None:
    """Module-level names hold constants; what changes belongs to the context (STYLE 6)."""
    allowed = {("store/statement.py", "REGISTERED")}
    found = set()
    for path in FILES:
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            empty = isinstance(node.value, ast.List | ast.Set) and not node.value.elts
            if empty or (isinstance(node.value, ast.Dict) and not node.value.keys):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {(name_of(path), target.id) for target in targets if isinstance(target, ast.Name)}
    assert found <= allowed
