"""`python replay.py ENGINE CALLS`: asks the engine all that `record` has written down; fails at the first other answer.

Nothing but the standard library, so that it begins at once: it is run for each mutant.
"""

import importlib.machinery
import importlib.util
import pickle
import resource
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

SECONDS_MAX = 15  # of CPU; mutants may never end
BYTES_MAX = 2 << 30  # nor get enough
CHUNK = 256
OBJECTS = ("Fork", "Splitter")  # are asked several things
UNORDERED = {"resolve", "numbers", "ranges", "full_set", "cited"}  # what comes of hash maps
PLACED, STORED = "\0placed", "\0stored"  # begin tuples that stand for such objects
ATTRIBUTES = ("number", "key", "event_id", "event_type", "auth", "size_bytes")  # of what is stored


def main(engine: str, calls: str) -> None:
    """Replay."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES_MAX, BYTES_MAX))
    module = load("engine", Path(engine))
    with Path(calls).open("rb") as file:
        while file.peek(1):
            for name, arguments, named, expected in pickle.load(file):
                found = (
                    ask_object(module, name, arguments, expected)
                    if name in OBJECTS
                    else ask(module, name, arguments, named)
                )
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
        answer = getattr(module, name)(*made(module, arguments), **named)
    except Exception as error:
        return refusal(error)
    return comparable(name, answer)


def ask_object(
    module: ModuleType, kind: str, arguments: list[Any], steps: list[tuple[str, list[Any], tuple[str, Any]]]
) -> list[tuple[str, list[Any], tuple[str, Any]]]:
    """All steps of an object with the answers that they have now, up to the first refusal."""
    subject = getattr(module, kind)(*made(module, arguments))
    found: list[tuple[str, list[Any], tuple[str, Any]]] = []
    for name, asked, _ in steps:
        part = getattr(subject, name)
        try:
            answer = part(*made(module, asked)) if callable(part) else part
        except Exception as error:
            return [*found, (name, asked, refusal(error))]
        found.append((name, asked, comparable(name, answer)))
    return found


def made(module: ModuleType, value: Any) -> Any:
    """The arguments with places and stored events in them."""
    if isinstance(value, list):
        return [made(module, item) for item in value]
    if isinstance(value, tuple) and value[:1] == (PLACED,):
        return SimpleNamespace(
            **dict(zip(("number", "key", "chain", "position", "vector"), value[1:], strict=True))
        )
    if isinstance(value, tuple) and value[:1] == (STORED,):
        return module.read_stored(*made(module, [*value[1:]]))
    return value


def refusal(error: Exception) -> tuple[str, Any]:
    """The error as a value."""
    return type(error).__name__, str(error)


def comparable(name: str, answer: Any) -> tuple[str, Any]:
    """The answer as a value: of dicts the order counts too."""
    if name == "read_stored":
        return "answer", [getattr(answer, attribute) for attribute in ATTRIBUTES]
    if isinstance(answer, list) and name in UNORDERED:
        return "answer", sorted(answer)
    return "answer", list(answer.items()) if isinstance(answer, dict) else answer


if __name__ == "__main__":
    main(*sys.argv[1:])
