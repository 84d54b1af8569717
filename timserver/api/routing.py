"""From method and path to an endpoint: a tree of path segments, made once.

Until Matrix 1.1 the client API's paths had `r0` where they have `v3` now; they mean the same, and there are still
scripts and test suites which ask for them.
"""

from collections.abc import Iterable
from urllib.parse import unquote

import msgspec

from timserver.api.endpoint import Endpoint
from timserver.matrix import errors

_BEFORE_1_1, _SINCE_1_1 = "/_matrix/client/r0/", "/_matrix/client/v3/"


class _Node:
    """One segment of the tree."""

    __slots__ = ("endpoints", "literals", "parameter")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.endpoints: dict[str, tuple[Endpoint, tuple[str, ...]]] = {}


class Match(msgspec.Struct, frozen=True):
    """An endpoint and the values of its path parameters, percent-decoded."""

    endpoint: Endpoint
    parameters: dict[str, str]

    def values(self, name: str) -> tuple[str, ...]:
        """The one value of a path parameter, none when the path is a form without it."""
        return (self.parameters[name],) if name in self.parameters else ()


class Routes:
    """All endpoints of some listeners."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._root = _Node()
        for item in endpoints:
            for path in item.paths:
                self._add(item, path)

    def _add(self, item: Endpoint, path: str) -> None:
        node, names = self._root, []
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, _Node())
        if item.method in node.endpoints:
            raise ValueError(f"{item.method} {path} is declared twice")
        node.endpoints[item.method] = (item, tuple(names))

    def find(self, method: str, path: str) -> Match:
        """Raises `Unrecognized`: 404 for an unknown path, 405 for a known one with another method.

        Spec: https://spec.matrix.org/v1.19/client-server-api/#common-error-codes
        """
        values: list[str] = []
        if path.startswith(_BEFORE_1_1):
            path = _SINCE_1_1 + path[len(_BEFORE_1_1) :]
        node = self._walk(self._root, path.split("/")[1:], 0, values)
        if node is None:
            raise errors.Unrecognized()
        found = node.endpoints.get(method) or (node.endpoints.get("GET") if method == "HEAD" else None)
        if found is None:
            raise errors.Unrecognized("Method not allowed", status=405)
        return Match(found[0], dict(zip(found[1], values, strict=True)))

    def knows(self, path: str) -> bool:
        """Is there an endpoint of any method?"""
        return self._walk(self._root, path.split("/")[1:], 0, []) is not None

    def _walk(self, node: _Node, segments: list[str], at: int, values: list[str]) -> _Node | None:
        if at == len(segments):
            return node if node.endpoints else None
        literal = node.literals.get(segments[at])
        if literal is not None:
            found = self._walk(literal, segments, at + 1, values)
            if found is not None:
                return found
        if node.parameter is None:
            return None
        values.append(unquote(segments[at], errors="strict"))
        found = self._walk(node.parameter, segments, at + 1, values)
        if found is None:
            values.pop()
        return found
