"""Mutants of the definition, by mutmut, in a copy of what the core's tests need."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from conformance.mutation.mutants import Mutant

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
STATE: Final = ROOT / ".state/mutation"
COPY: Final = STATE / "python"
SITE: Final = STATE / "site"
MUTMUT: Final = "mutmut==3.8.1"
SOURCES: Final = ("timserver/core/definition", "timserver/matrix")
CHOSEN: Final = ("redaction.py", "canonical_json.py", "power_levels.py")  # of matrix
TESTS: Final = ("tests/unit/test_core_*.py", "tests/property/test_core_*.py")
MAIN: Final = "from mutmut.__main__ import cli; cli()"
LIST: Final = """
import json, pathlib, sys
from mutmut.mutation.file_mutation import mutate_file_contents
texts = {file: pathlib.Path(file).read_text() for file in sys.argv[1:]}
found = {file: mutate_file_contents(file, text, None, set()).mutant_names for file, text in texts.items()}
print(json.dumps({file: list(names) for file, names in found.items()}))
"""
KILLED: Final = (1, 3, -24, 24, 36, 152, 255, -9, -11)  # failed, never ended, broke down
CONFIG: Final = """
[tool.pytest.ini_options]
addopts = "--import-mode=importlib -p no:cacheprovider -p no:xdist -p no:randomly"
pythonpath = ["."]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "session"

[tool.mutmut]
source_paths = ["timserver"]
only_mutate = {files}
also_copy = ["conformance", "pyproject.toml"]
pytest_add_cli_args = ["--hypothesis-seed=0", "-k", "not ten_thousand"]
pytest_add_cli_args_test_selection = {tests}
timeout_multiplier = 6.0
timeout_constant = 10.0
track_dependencies = false
use_git_change_detection = false
"""


def files() -> list[str]:
    """The definition, and of `matrix` what the issue of the core is about."""
    found = [path for source in SOURCES for path in (ROOT / source).glob("*.py")]
    chosen = [path for path in found if path.parent.name == "definition" or path.name in CHOSEN]
    return sorted(str(path.relative_to(ROOT)) for path in chosen if path.name != "__init__.py")


def run(chosen: Sequence[str], shard: str | None) -> Iterator[Mutant]:
    """Try the mutants of these files, or of a shard of each ("0/4": every fourth)."""
    if not (SITE / "mutmut").exists():
        uv = [shutil.which("uv") or "uv", "pip", "install", "--quiet", "--python", sys.executable]
        subprocess.run([*uv, "--target", SITE, MUTMUT], check=True)
    _copy(chosen)
    first, step = (int(part) for part in (shard or "0/1").split("/"))
    names = {file: found[first::step] for file, found in _names(chosen).items()}
    some = [name for file in chosen for name in names[file]]
    with (STATE / "mutmut.log").open("w") as log:
        _mutmut(MAIN, "run", "--max-children", "2", *some, output=log)
    for file in chosen:
        yield from _outcomes(file, names[file])


def _names(chosen: Sequence[str]) -> dict[str, list[str]]:
    """The mutants of each file, as mutmut names them."""
    found: dict[str, list[str]] = json.loads(_mutmut(LIST, *chosen))
    return {
        file: [f"{file.removesuffix('.py').replace('/', '.')}.{name}" for name in names]
        for file, names in found.items()
    }


def _mutmut(code: str, *words: str, output: IO[str] | int = subprocess.PIPE) -> str:
    """Beside the environment, not in it: what mutmut needs might be other versions of what timserver needs."""
    path = os.pathsep.join([str(SITE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", code, *words]
    return str(
        subprocess.run(command, cwd=COPY, env=environment, check=True, text=True, stdout=output).stdout
    )


def _copy(chosen: Sequence[str]) -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    unwanted = shutil.ignore_patterns("rust", "__pycache__", "conftest.py")
    for folder in ("timserver", "tests/support", "tests/corpus", "conformance/fuzz"):
        shutil.copytree(ROOT / folder, COPY / folder, ignore=unwanted)
    tests = sorted(path for pattern in TESTS for path in ROOT.glob(pattern))
    for path in tests:
        copy = COPY / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    shutil.copy(HERE / "definition_conftest.py", COPY / "tests/conftest.py")
    names = [str(path.relative_to(ROOT)) for path in tests]
    (COPY / "pyproject.toml").write_text(CONFIG.format(files=json.dumps([*chosen]), tests=json.dumps(names)))


def _outcomes(file: str, names: Sequence[str]) -> Iterator[Mutant]:
    codes: dict[str, int | None] = json.loads((COPY / f"mutants/{file}.meta").read_text())["exit_code_by_key"]
    for name in names:
        killed = codes[name] in KILLED
        line, change = ("", "") if killed else _difference(_mutmut(MAIN, "show", name))
        yield Mutant(file, line, change, killed)


def _difference(diff: str) -> tuple[str, str]:
    """The line as it was and as it is."""
    changed = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    old, new = ([line[1:].strip() for line in changed if line[:1] == sign] for sign in "-+")
    return " ".join(old), " ".join(new)
