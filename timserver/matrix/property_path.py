"""Dot-separated property paths: `content.m\\.relates_to.rel_type`.

Spec: https://spec.matrix.org/v1.19/appendices/#dot-separated-property-paths
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from timserver.matrix.json_types import JsonObject, JsonValue

Path: TypeAlias = tuple[str, ...]


class Absent:
    """What stands at a path where nothing is (`null` is something)."""


ABSENT: Final = Absent()


def parse(text: str) -> Path:
    r"""Split at dots. `\.` and `\\` stand for dot and backslash, any other backslash for itself."""
    names: list[str] = []
    name: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\\" and text[position + 1 : position + 2] in {".", "\\"}:
            position += 1
            name.append(text[position])
        elif character == ".":
            names.append("".join(name))
            name = []
        else:
            name.append(character)
        position += 1
    return (*names, "".join(name))


def look_up(value: JsonObject, path: Path) -> JsonValue | Absent:
    """The value at the path, or `ABSENT`."""
    here: JsonValue = value
    for name in path:
        if not isinstance(here, dict) or name not in here:  # JSON objects are dicts; Mapping is slow to ask
            return ABSENT
        here = here[name]
    return here


def pick(value: JsonObject, paths: list[Path]) -> dict[str, JsonValue]:
    """A copy of an object with only what stands at the given paths."""
    picked: dict[str, JsonValue] = {}
    for path in paths:
        found = look_up(value, path)
        if not isinstance(found, Absent):
            _put(picked, path, found)
    return picked


def _put(into: dict[str, JsonValue], path: Path, value: JsonValue) -> None:
    for name in path[:-1]:
        inner = into.get(name)
        # A copy: what stands there may be the source's own object, put there by a shorter path.
        inner = dict(inner) if isinstance(inner, Mapping) else {}
        into[name] = inner
        into = inner
    into[path[-1]] = value
