"""A room's access control list: which servers may take part.

Spec: https://spec.matrix.org/v1.19/client-server-api/#mroomserver_acl
"""

import re
from typing import Final

from timserver.matrix import globs
from timserver.matrix.event import get_bool, get_list
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject

_IP_LITERAL: Final = re.compile(r"\[.*\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_PORT: Final = re.compile(r":[0-9]+\Z")


def is_allowed(content: JsonObject | None, server_name: ServerName) -> bool:
    """May the server take part in a room with this list? Names are compared without port and case."""
    # 1. Without the event: allow.
    if content is None:
        return True
    host = _PORT.sub("", server_name).lower()
    # 2. An address instead of a name, where these are not allowed: deny.
    if get_bool(content, "allow_ip_literals") is False and _IP_LITERAL.fullmatch(host):
        return False
    # 3. On the list of those denied: deny.
    if _is_on(content, "deny", host):
        return False
    # 4. On the list of those allowed: allow. 5. Otherwise deny.
    return _is_on(content, "allow", host)


def _is_on(content: JsonObject, name: str, host: str) -> bool:
    patterns = (pattern for pattern in get_list(content, name) or [] if isinstance(pattern, str))
    return any(globs.matches(globs.parse(pattern.lower()), host) for pattern in patterns)
