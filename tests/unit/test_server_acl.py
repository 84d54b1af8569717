"""Who may take part in a room, by its access control list."""

from typing import Any

import pytest

from timserver.matrix.ids import ServerName
from timserver.matrix.server_acl import is_allowed

ALL = {"allow": ["*"]}


@pytest.mark.parametrize(
    ("content", "server", "allowed"),
    [
        (None, "evil.example", True),
        ({}, "good.example", False),  # no list of those allowed: nobody
        (ALL, "good.example", True),
        ({"allow": "*"}, "good.example", False),
        ({"allow": [7, None, "*"]}, "good.example", True),
        ({**ALL, "deny": ["evil.example"]}, "evil.example", False),
        ({**ALL, "deny": ["evil.example"]}, "evil.example:8448", False),
        ({**ALL, "deny": ["evil.example"]}, "EVIL.example", False),
        ({**ALL, "deny": ["Evil.Example"]}, "evil.example", False),
        ({**ALL, "deny": ["*.evil.example"]}, "very.evil.example", False),
        ({**ALL, "deny": ["*.evil.example"]}, "evil.example", True),
        ({**ALL, "deny": ["evil.examp?e"]}, "evil.example", False),
        ({"allow": ["*.good.example"]}, "a.good.example:1234", True),
        ({"allow": ["*.good.example"]}, "a.bad.example", False),
        ({**ALL, "allow_ip_literals": False}, "1.2.3.4", False),
        ({**ALL, "allow_ip_literals": False}, "1.2.3.4:8448", False),
        ({**ALL, "allow_ip_literals": False}, "[::1]:8448", False),
        ({**ALL, "allow_ip_literals": False}, "[2001:db8::1]", False),
        ({**ALL, "allow_ip_literals": False}, "1.2.3.4.example", True),
        ({**ALL, "allow_ip_literals": "false"}, "1.2.3.4", True),  # not a boolean: as if it were not there
        ({**ALL, "deny": ["[::1]"]}, "[::1]:8448", False),
        (ALL, "1.2.3.4", True),
    ],
)
def test_servers_are_let_in_by_the_list(content: Any, server: str, allowed: bool) -> None:
    assert is_allowed(content, ServerName(server)) is allowed
