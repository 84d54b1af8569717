"""`python replay.py ENGINE CALLS`: asks the engine all that `record` has written down; fails at the first other answer.

Nothing but the standard library, so that it begins at once: it is run for each mutant.
"""

import importlib.machinery
import importlib.util
import pickle
import resource
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

SECONDS_MAX = 15  # of CPU; mutants may never end
BYTES_MAX = 2 << 30  # nor get enough
CHUNK = 256
UNORDERED = {"resolve", "resolve_stored"}  # what comes of a hash map


def main(engine: str, calls: str) -> None:
    """Replay."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES_MAX, BYTES_MAX))
    module = load("engine", Path(engine))
    with Path(calls).open("rb") as file:
        while file.peek(1):
            for name, arguments, named, expected in pickle.load(file):
                found = ask(module, name, arguments, named)
                if found != expected:
                    raise SystemExit(f"{name}: {arguments} {named}\n{expected}\nis now\n{found}"[:2000])


def load(name: str, path: Path) -> ModuleType:
    """The compiled module."""
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def ask(module: ModuleType, name: str, arguments: list[Any], named: dict[str, Any]) -> tuple[str, Any]:
    """The answer, or the refusal."""
    try:
        answer = getattr(module, name)(*arguments, **named)
    except Exception as error:
        return refusal(error)
    return comparable(name, answer)


def refusal(error: Exception) -> tuple[str, Any]:
    """The error as a value."""
    return type(error).__name__, str(error)


def comparable(name: str, answer: Any) -> tuple[str, Any]:
    """The answer as a value: of dicts the order counts too."""
    if isinstance(answer, dict):
        return "answer", list(answer.items())
    return "answer", sorted(answer) if name in UNORDERED else answer


if __name__ == "__main__":
    main(*sys.argv[1:])
