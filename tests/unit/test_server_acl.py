"""Access control lists: the spec's five steps as a table, and hostile lists (RELIABILITY E11)."""

import time
from typing import Any

import pytest

from timserver.matrix.ids import ServerName
from timserver.matrix.server_acl import is_allowed, parse

ALL = {"allow": ["*"]}


@pytest.mark.parametrize(
    ("content", "server_name", "allowed"),
    [
        ({}, "a.example", False),
        ({"deny": []}, "a.example", False),
        ({"allow": []}, "a.example", False),
        ({"allow": "*"}, "a.example", False),
        ({"allow": None, "deny": None}, "a.example", False),
        (ALL, "a.example", True),
        (ALL | {"deny": "*"}, "a.example", True),
        (ALL | {"deny": ["*"]}, "a.example", False),
        (ALL | {"deny": ["evil.example"]}, "evil.example", False),
        (ALL | {"deny": ["evil.example"]}, "evil.example:8448", False),
        (ALL | {"deny": ["evil.example"]}, "EVIL.example:1", False),
        (ALL | {"deny": ["EVIL.Example"]}, "evil.example", False),
        (ALL | {"deny": ["evil.example"]}, "sub.evil.example", True),
        (ALL | {"deny": ["*.evil.example"]}, "sub.evil.example", False),
        (ALL | {"deny": ["*.evil.example"]}, "evil.example", True),
        (ALL | {"deny": ["evil?.example"]}, "evil1.example", False),
        (ALL | {"deny": ["*?*?.example"]}, "e1.example", False),
        (ALL | {"deny": ["*?*?.example"]}, "e.example", True),
        (ALL | {"deny": ["evil.example:8448"]}, "evil.example:8448", True),
        (ALL | {"deny": [1, None, ["evil.example"], {"a": "evil.example"}]}, "evil.example", True),
        ({"allow": ["*.example"]}, "a.example", True),
        ({"allow": ["*.example"]}, "a.other", False),
        ({"allow": ["A.EXAMPLE"]}, "a.example:8448", True),
        ({"allow": ["a.example"]}, "axexample", False),
        (ALL, "1.2.3.4", True),
        (ALL | {"allow_ip_literals": False}, "1.2.3.4", False),
        (ALL | {"allow_ip_literals": False}, "1.2.3.4:8448", False),
        (ALL | {"allow_ip_literals": False}, "[::1]", False),
        (ALL | {"allow_ip_literals": False}, "[2001:db8::1]:8448", False),
        (ALL | {"allow_ip_literals": "false"}, "[::1]", True),
        (ALL | {"allow_ip_literals": False}, "1.2.3.4.example", True),
        (ALL | {"allow_ip_literals": False, "deny": ["[::1]"]}, "a.example", True),
        (ALL | {"deny": ["[::1]"]}, "[::1]:8448", False),
    ],
)
def test_the_five_steps(content: Any, server_name: str, allowed: bool) -> None:
    assert is_allowed(parse(content), ServerName(server_name)) is allowed


@pytest.mark.parametrize(
    "patterns",
    [
        ["*a" * 127] * 250,
        [f"*{'?' * number}a" for number in range(250)],
        [f"{'*?' * 100}{number}b" for number in range(300)],
        [f"*{number:x}" for number in range(9_000)],
        ["*" * 60_000],
        ["a" * 60_000],
    ],
    ids=["stars", "marks", "both", "many", "one of stars", "long"],
)
def test_e11_no_list_of_an_event_takes_long(patterns: list[str]) -> None:
    name = ServerName("a" * 250 + ":8448")
    began_s = time.process_time()
    acl = parse({"allow": ["*"], "deny": patterns})
    is_allowed(acl, name)
    assert time.process_time() - began_s < 0.5
