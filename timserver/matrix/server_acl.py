"""A room's access control list: which servers may take part.

A list of any content is parsed in time linear in its size, which an event bounds, and so is each question: patterns
without wildcards are looked up, the others matched without backtracking (RELIABILITY E11).

Spec: https://spec.matrix.org/v1.19/client-server-api/#mroomserver_acl
"""

import re
from typing import Final

import msgspec

from timserver.matrix import globs
from timserver.matrix.event import get_bool, get_list
from timserver.matrix.globs import Glob
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject

_PORT: Final = re.compile(r":[0-9]*\Z")
_IP_LITERAL: Final = re.compile(r"\[.*\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3}")

_WILDCARDS: Final = re.compile(r"[*?]*\*[*?]*")
"""A run of wildcards with a star among them: its order means nothing."""

PATTERN_CHARACTERS_MAX: Final = 255
"""A longer one could only match by stars that stand for nothing: it matches nothing here."""


class Patterns(msgspec.Struct, frozen=True):
    """Lower-cased patterns: names that stand for themselves, and those with wildcards."""

    names: frozenset[str]
    wild: tuple[Glob, ...]

    def match(self, host: str) -> bool:
        """Does one of them match?"""
        return host in self.names or any(globs.matches(glob, host) for glob in self.wild)


class ServerAcl(msgspec.Struct, frozen=True):
    """A list, parsed."""

    allow: Patterns
    deny: Patterns
    allow_ip_literals: bool


def parse(content: JsonObject) -> ServerAcl:
    """Whatever the content is: what is missing or of another type is as the spec's default."""
    return ServerAcl(
        _patterns(content, "allow"),
        _patterns(content, "deny"),
        get_bool(content, "allow_ip_literals") is not False,
    )


def is_allowed(acl: ServerAcl, server_name: ServerName) -> bool:
    """May the server take part? Names are compared without port and case."""
    host = _PORT.sub("", server_name).lower()
    # 1. There is such an event in the room's state: the caller has it.
    # 2. An address instead of a name, where these are not allowed: deny.
    if not acl.allow_ip_literals and _is_ip_literal(host):
        return False
    # 3. On the list of those denied: deny.
    if acl.deny.match(host):
        return False
    # 4. On the list of those allowed: allow. 5. Otherwise deny.
    return acl.allow.match(host)


def _patterns(content: JsonObject, name: str) -> Patterns:
    texts = {
        _WILDCARDS.sub(lambda run: "?" * run[0].count("?") + "*", pattern.lower())
        for pattern in get_list(content, name) or ()
        if isinstance(pattern, str) and len(pattern) <= PATTERN_CHARACTERS_MAX
    }
    wild = sorted(text for text in texts if "*" in text or "?" in text)
    return Patterns(frozenset(texts.difference(wild)), tuple(map(globs.parse, wild)))


def _is_ip_literal(host: str) -> bool:
    return bool(_IP_LITERAL.fullmatch(host))
