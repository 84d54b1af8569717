"""X-Matrix as it is read: the headers of a request that another server has signed. What they cover says `x_matrix`.

Spec: https://spec.matrix.org/v1.19/server-server-api/#request-authentication
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from timserver.matrix.ids import ServerName, parse_server_name

SCHEME: Final = "X-Matrix"

# name = token or quoted text; old servers send unquoted values with colons and other characters of ids and base64
_PARAMETER: Final = re.compile(
    r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*"
    r'(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))[ \t]*(?:,|$)'
)
_PARAMETERS_MAX: Final = 20


class RequestSignature(msgspec.Struct, frozen=True):
    """One X-Matrix header. `destination` is None from servers older than Matrix 1.3."""

    origin: ServerName
    destination: ServerName | None
    key_id: str
    signature: str


def parse(header: str) -> RequestSignature | None:
    """The header's parts; None when it is of another scheme. Raises ValueError when it is malformed.

    Unknown parameters are ignored, known ones may come once.
    """
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != SCHEME.lower():
        return None
    values: dict[str, str] = {}
    at, rest = 0, rest.strip(" \t")
    while at < len(rest):
        found = _PARAMETER.match(rest, at)
        if found is None or len(values) >= _PARAMETERS_MAX:
            raise ValueError("malformed parameters")
        name, quoted, plain = found.groups()
        if name.lower() in values:
            raise ValueError("a parameter comes twice")
        values[name.lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = found.end()
    if not {"origin", "key", "sig"} <= values.keys():
        raise ValueError("a parameter is missing")
    destination = values.get("destination")
    return RequestSignature(
        parse_server_name(values["origin"]),
        None if destination is None else parse_server_name(destination),
        values["key"],
        values["sig"],
    )


def origin_of(signatures: Sequence[RequestSignature]) -> tuple[ServerName, ServerName | None]:
    """Origin and destination, on which all signatures of a request must agree. Raises ValueError."""
    named = {(item.origin, item.destination) for item in signatures}
    if len(named) != 1:
        raise ValueError("signatures of several origins")
    return named.pop()
