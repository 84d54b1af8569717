"""`./dev fuzz [target …] [--inputs N] [--keep]`: cargo-fuzz and atheris on the core.

Rust targets are `rust:json_text`, …, Python's `python:open_pdu`, …; without names all are run, one after another, each
with N inputs (default: a million). With `--keep` what was found is minimised and becomes the corpus in the repository.
Needs cargo-fuzz (`cargo install cargo-fuzz`); atheris is installed from PyPI. Exit codes: 0 nothing found; 1 an input
failed (it lies in `.state/fuzz/failed`); 3 a tool cannot be had.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from conformance.fuzz import corpus
from conformance.fuzz.targets import CORPORA

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STATE = ROOT / ".state" / "fuzz"
FAILED = STATE / "failed"
ATHERIS = "atheris==3.0.0"
UNAVAILABLE = 3
HANG_SECONDS = 10  # the targets themselves refuse what takes 100 ms; this ends what never ends
INPUT_BYTES_MAX = {"json": 2048, "pdu": 4096, "packed": 512, "room": 320}
RUST_FORMS = {
    "json_text": "json",
    "split_object": "json",
    "open_event": "pdu",
    "packed_state": "packed",
    "check_auth": "room",
    "resolve": "room",
}
TARGETS = {
    **{f"rust:{name}": form for name, form in RUST_FORMS.items()},
    **{f"python:{name}": form for name, form in CORPORA.items()},
}


class Ran(msgspec.Struct, frozen=True):
    """What came of a target."""

    name: str
    good: bool
    inputs: int
    seconds: float


def main(argv: list[str]) -> int:
    """Fuzz."""
    parser = argparse.ArgumentParser("./dev fuzz", description=__doc__.splitlines()[0])
    parser.add_argument(
        "targets", nargs="*", default=list(TARGETS), metavar="target", help=", ".join(TARGETS)
    )
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--keep", action="store_true", help="minimise, and keep in the repository")
    options = parser.parse_args(argv)
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    try:
        commands = {name: _command(name) for name in options.targets}
    except subprocess.CalledProcessError as error:
        print(f"A tool cannot be had here: {error}")
        return UNAVAILABLE
    FAILED.mkdir(parents=True, exist_ok=True)
    results = [_fuzz(name, command, options.inputs) for name, command in commands.items()]
    if options.keep:
        for form in dict.fromkeys(TARGETS[name] for name in commands):
            print(f"corpus {form}: {_keep(form, commands)} inputs")
    for result in results:
        outcome = "ok" if result.good else "FAILED"
        print(f"{result.name:22} {outcome:6} {result.inputs:9} inputs {result.seconds:8.1f} s")
    return 0 if all(result.good for result in results) else 1


def _command(name: str) -> list[str]:
    """The program of a target, built or installed."""
    language, _, target = name.partition(":")
    if language == "python":
        subprocess.run(
            [shutil.which("uv") or "uv", "pip", "install", "--quiet", "--python", sys.executable, ATHERIS],
            check=True,
        )
        return [sys.executable, "-m", "conformance.fuzz.python_target", target]
    fuzz = ["cargo", "fuzz", "build", "--fuzz-dir", ".", "--sanitizer", "none", target]
    subprocess.run(fuzz, cwd=HERE / "rust", check=True)
    (program,) = (HERE / "rust" / "target").glob(f"*/release/{target}")
    return [str(program)]


def _fuzz(name: str, command: list[str], inputs: int) -> Ran:
    form = TARGETS[name]
    found = STATE / "found" / form
    kept = STATE / "kept" / form
    found.mkdir(parents=True, exist_ok=True)
    corpus.unpack(form, kept)
    print(f"{name}: {inputs} inputs", flush=True)
    begin = time.monotonic()
    log = STATE / f"{name.replace(':', '-')}.log"
    with log.open("w") as output:
        code = subprocess.run(
            [
                *command,
                str(found),
                str(kept),
                f"-runs={inputs}",
                f"-max_len={INPUT_BYTES_MAX[form]}",
                f"-timeout={HANG_SECONDS}",
                f"-artifact_prefix={FAILED}/{name.replace(':', '-')}-",
                "-print_final_stats=1",
            ],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    run = re.findall(r"(?:stat::number_of_executed_units:|Done) +(\d+)", log.read_text(errors="replace"))
    if code:
        print("".join(log.read_text(errors="replace").splitlines(keepends=True)[-30:]))
    return Ran(name, code == 0, max(map(int, run), default=0), time.monotonic() - begin)


def _keep(form: str, commands: dict[str, list[str]]) -> int:
    """The least inputs that reach all that the form's targets reach; all that was kept before counts as found."""
    with tempfile.TemporaryDirectory() as folder:
        merged = []
        for name, command in commands.items():
            if TARGETS[name] == form:
                merged.append(Path(folder) / name.replace(":", "-"))
                merged[-1].mkdir()
                subprocess.run(
                    [*command, "-merge=1", merged[-1], STATE / "found" / form, STATE / "kept" / form],
                    cwd=ROOT,
                    check=True,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
        return corpus.store(form, merged)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
