"""Mutants of the engine, by cargo-mutants; `replay` asks each of them what the tests have asked the real one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from conformance.mutation.mutants import Mutant

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
SOURCE: Final = ROOT / "timserver/core/rust"
STATE: Final = ROOT / ".state/mutation"
CRATE: Final = STATE / "rust"
CALLS: Final = STATE / "calls.pickle"
OUTCOMES: Final = STATE / "outcomes"
CARGO_MUTANTS: Final = "27.1.0"
ROOMS: Final = "0:24"  # of the random rooms
HANG_SECONDS: Final = 300  # `replay` ends what never ends much sooner; this is for a busy machine
ASKING: Final = (
    "tests/unit/test_core_*.py",
    "tests/unit/test_fuzz_corpus.py",
    "tests/property/test_core_*.py",
)
PROFILE: Final = """
[profile.dev]
debug = false
opt-level = 0
incremental = true

[profile.dev.package."*"]
opt-level = 2

[workspace]
"""


def files() -> list[str]:
    """All sources of the engine."""
    return sorted(str(path.relative_to(SOURCE)) for path in (SOURCE / "src").rglob("*.rs"))


def run(chosen: Sequence[str], shard: str | None) -> Iterator[Mutant]:
    """Try the mutants of these files, or of a shard of each ("0/4": every fourth)."""
    cargo_mutants = _installed()
    _make_crate()
    _record()
    subprocess.run(
        ["cargo", "test", "--quiet", "--test", "replay"], cwd=CRATE, env=_environment(), check=True
    )
    for file in chosen:
        print(f"mutants of {file}", flush=True)
        yield from _try(cargo_mutants, file, shard)


def _installed() -> str:
    program = shutil.which("cargo-mutants")
    if program is None:
        program = str(STATE / "bin/cargo-mutants")
        version = ["--version", CARGO_MUTANTS, "--locked", "--root", str(STATE)]
        subprocess.run(["cargo", "install", "--quiet", "cargo-mutants", *version], check=True)
    return program


def _make_crate() -> None:
    """The engine's sources with the replay as their only test, in a place where they may be changed."""
    shutil.rmtree(CRATE, ignore_errors=True)
    # With new times: cargo would take what a stopped run has left of a mutant for these.
    shutil.copytree(SOURCE / "src", CRATE / "src", copy_function=shutil.copy)
    (CRATE / "tests").mkdir()
    shutil.copy(HERE / "replay.rs", CRATE / "tests")
    shutil.copy(SOURCE / "Cargo.lock", CRATE)
    (CRATE / "Cargo.toml").write_text((SOURCE / "Cargo.toml").read_text() + PROFILE)


def _record() -> None:
    """Let the core's tests ask the engine, unless nothing has changed since the last time."""
    tests = [str(path) for pattern in ASKING for path in sorted(ROOT.glob(pattern))]
    concerned = [*map(Path, tests), *(ROOT / "tests").glob("support/*.py")]
    concerned += [*(ROOT / "tests").glob("corpus/*/*.json"), *(ROOT / "timserver/core").glob("*.so")]
    if CALLS.exists() and all(path.stat().st_mtime < CALLS.stat().st_mtime for path in concerned):
        return
    fixed = ["--hypothesis-seed=0", f"--rooms={ROOMS}", "-k", "not ten_thousand", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conformance.mutation.record", *fixed, *tests]
    subprocess.run(command, cwd=ROOT, env=_environment(), check=True)


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "CALLS": str(CALLS),
        "REPLAY": str(HERE / "replay.py"),
        "REPLAY_PYTHON": sys.executable,
        "CARGO_TARGET_DIR": str(STATE / "target"),
    }


def _try(cargo_mutants: str, file: str, shard: str | None) -> Iterator[Mutant]:
    output = OUTCOMES / file.replace("/", "-")
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    some = ["--shard", shard, "--sharding", "round-robin"] if shard else []
    options = ["--in-place", "--baseline", "skip", "--timeout", str(HANG_SECONDS), *some]
    command = [cargo_mutants, "mutants", *options, "--no-times", "--output", str(output), "--file", file]
    code = subprocess.run(
        [*command, "--", "--test", "replay"], cwd=CRATE, env=_environment(), check=False
    ).returncode
    if code not in (0, 2, 3):  # all caught; some missed; some took too long
        raise subprocess.CalledProcessError(code, command)
    yield from _outcomes(file, output)


def _outcomes(file: str, output: Path) -> Iterator[Mutant]:
    path = output / "mutants.out/outcomes.json"
    lines = (SOURCE / file).read_text().splitlines()
    outcomes: list[dict[str, Any]] = json.loads(path.read_text())["outcomes"] if path.exists() else []
    for outcome in outcomes:
        if outcome["scenario"] != "Baseline" and outcome["summary"] != "Unviable":
            mutant = outcome["scenario"]["Mutant"]
            number = mutant["span"]["start"]["line"]
            change = mutant["name"].split(": ", 1)[1]
            killed = outcome["summary"] != "MissedMutant"
            yield Mutant(file, lines[number - 1].strip(), change, killed, number)
