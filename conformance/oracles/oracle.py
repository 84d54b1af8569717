"""The oracles as programs: built from their own packages, asked line by line."""

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from conformance.oracles.questions import Question, encode

HERE = Path(__file__).parent
BUILD_SECONDS_MAX = 1200


class Unavailable(Exception):
    """The oracle cannot be built here; its compiler's words."""


class Result(msgspec.Struct, frozen=True):
    """An entry of an answer: a value, or the reason why there is none."""

    value: object = msgspec.field(name="Ok", default=msgspec.UNSET)
    reason: str | None = msgspec.field(name="Err", default=None)

    @property
    def is_ok(self) -> bool:
        """Whether there is a value, perhaps null."""
        return self.reason is None


class Answer(msgspec.Struct, frozen=True):
    """What an oracle says about a room."""

    resolve: list[Result]
    auth: list[Result]
    pdus: list[Result]
    resolve_by_letter: list[Result] = []


class _Line(msgspec.Struct, frozen=True):
    value: Answer | None = msgspec.field(name="Ok", default=None)
    reason: str | None = msgspec.field(name="Err", default=None)


class Oracle:
    """A running oracle."""

    def __init__(self, name: str, program: Path) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def ask(self, question: Question) -> Answer | str:
        """The answer to a question, or why the room cannot be read."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(encode(question))
        self._process.stdin.flush()
        line = msgspec.json.decode(self._process.stdout.readline(), type=_Line)
        return line.value or str(line.reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)


def build_ruma() -> Path:
    """Compile; what is compiled already is not compiled again."""
    crate = HERE / "ruma"
    _run(["cargo", "build", "--release", "--locked", "--quiet"], crate)
    metadata = _run(["cargo", "metadata", "--no-deps", "--format-version=1", "--locked"], crate)
    return Path(json.loads(metadata)["target_directory"]) / "release" / "oracle-ruma"


def build_gomatrixserverlib() -> Path:
    """Compile; Go's own cache knows what is compiled already."""
    module = HERE / "gomatrixserverlib"
    program = module / "target" / "oracle-gomatrixserverlib"
    _run(["go", "build", "-mod=readonly", "-o", str(program), "."], module)
    return program


BUILDERS = {"ruma": build_ruma, "gomatrixserverlib": build_gomatrixserverlib}


def _run(command: list[str], folder: Path) -> str:
    if shutil.which(command[0]) is None:
        raise Unavailable(f"no {command[0]} here")
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX, check=False
    )
    if done.returncode:
        raise Unavailable(done.stderr)
    return done.stdout
