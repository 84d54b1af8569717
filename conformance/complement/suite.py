"""Complement itself: fetched through the Go module proxy at one pinned commit, compiled, never committed.

Nothing of ours is in it: `go test` compiles Complement's own test files from the module cache.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

MODULE = "github.com/matrix-org/complement"
COMMIT = "50044edb"
TIMEOUT = "60m"


class Unavailable(Exception):
    """The suite cannot be had; the text is the Go command's own."""


@dataclass(frozen=True)
class Program:
    """One compiled test package: its name, the binary, and the folder it must run in."""

    package: str
    binary: str
    folder: str


def compile_package(package: str, state: Path, source: Path | None) -> Program:
    """Compile `tests/<package>`, or `tests` itself (federation); `source` is a checkout, used instead of the proxy."""
    module = _fetch(state / "module") if source is None else source
    path = f"{MODULE}/tests" if package == "tests" else f"{MODULE}/tests/{package}"
    binary = state / f"{package}.test"
    _go(module, "test", "-c", "-o", str(binary), path)
    return Program(package, str(binary), _go(module, "list", "-f", "{{.Dir}}", path).strip())


def _fetch(module: Path) -> Path:
    """Make a Go module of ours that requires Complement's tests at the pinned commit; returns its folder."""
    module.mkdir(parents=True, exist_ok=True)
    (module / "go.mod").write_text("module timserver.test/conformance\n\ngo 1.25\n")
    _go(module, "get", f"{MODULE}@{COMMIT}")
    _go(module, "get", "-t", f"{MODULE}/tests/...")
    return module


def run(program: Program, images: dict[str, str], mounts: list[str], pattern: str, folder: Path) -> Path:
    """Run the tests whose names match `pattern` against the images; returns the file of JSON lines.

    `images` maps the server's name in blueprints (`hs1`, `hs2`) to an image; `""` is every other one.
    """
    temporary = folder / f"tmp-{program.package}"  # Complement's own certificate has a fixed name in there
    temporary.mkdir()
    environment = os.environ | {
        "COMPLEMENT_BASE_IMAGE": images[""],
        "COMPLEMENT_ENABLE_DIRTY_RUNS": "1",
        "COMPLEMENT_HOST_MOUNTS": ";".join(mounts),
        "TMPDIR": str(temporary),
        **{f"COMPLEMENT_BASE_IMAGE_{name.upper()}": base for name, base in images.items() if name},
    }
    environment.pop("CI", None)  # older Complement then takes itself to be inside Docker
    command = ["go", "tool", "test2json", "-t", "-p", program.package, program.binary,
               "-test.v=test2json", f"-test.timeout={TIMEOUT}"]  # fmt: skip
    lines = folder / f"{program.package}.jsonl"
    with lines.open("wb") as out, (folder / f"{program.package}.log").open("wb") as log:
        subprocess.run(
            [*command, *([f"-test.run={pattern}"] if pattern else [])],
            cwd=program.folder, env=environment, stdout=out, stderr=log, check=False,
        )  # fmt: skip
    return lines


def _go(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["go", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"go {' '.join(arguments)}\n{done.stderr.strip()}")
    return done.stdout
