"""X-Matrix: how a server signs its requests to another one, and how that is read.

What is signed is a JSON object of method, URI (path and query as sent), origin, destination and content; here it is put
together from the content's canonical bytes, so that a transaction of megabytes is not encoded a second time.

Spec: https://spec.matrix.org/v1.19/server-server-api/#request-authentication
"""

import json
import re
from collections.abc import Iterable
from typing import Final

import msgspec

from timserver.matrix import ids, signing
from timserver.matrix.ids import ServerName

_SCHEME: Final = re.compile(r"x-matrix +", re.IGNORECASE)
_PARAMETER: Final = re.compile(
    r"""[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"\\]+))[ \t]*(?:,|\Z)"""
)
_NOTHING: Final = re.compile(r"[ \t]*,")
_ESCAPED: Final = re.compile(r"\\(.)")
_KEY_ID: Final = re.compile(r"ed25519:[!-~]{1,247}\Z")
HEADERS_MAX: Final = 10


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """What a header says; nothing of it is verified by being here."""

    origin: ServerName
    destination: ServerName | None
    """None: the sender is older than Matrix 1.3 and means whom it asks."""
    key_id: str
    signature: bytes


def authorization(
    key: signing.SigningKey,
    origin: ServerName,
    destination: ServerName,
    *,
    method: str,
    uri: str,
    content: bytes | None,
) -> str:
    """The Authorization header of a request of ours, in the form that old servers read, too."""
    message = signed_bytes(method, uri, origin, destination, content)
    signature = signing.encode_base64(signing.sign(key, message))
    return f'X-Matrix origin="{origin}",destination="{destination}",key="{key.key_id}",sig="{signature}"'


def signed_bytes(
    method: str, uri: str, origin: ServerName, destination: ServerName, content: bytes | None
) -> bytes:
    """What the signature covers. `content` is canonical JSON; None when the request has no body."""
    head = b'{"content":' + content + b"," if content is not None else b"{"
    return b"".join(
        (
            head,
            b'"destination":', _text(destination),
            b',"method":', _text(method),
            b',"origin":', _text(origin),
            b',"uri":', _text(uri),
            b"}",
        )
    )  # fmt: skip


def parse_all(headers: Iterable[str]) -> tuple[Authorization, ...] | None:
    """The X-Matrix headers of a request: one for each key it is signed with, so all of one origin and destination.

    Headers of other schemes are passed over. None when one is malformed, they contradict each other, or are too many.
    """
    texts = [header for header in headers if _SCHEME.match(header)]
    if len(texts) > HEADERS_MAX:
        return None
    parsed = tuple(item for text in texts if (item := parse(text)) is not None)
    agreed = len({(item.origin, item.destination) for item in parsed}) <= 1
    return parsed if agreed and len(parsed) == len(texts) else None


def parse(header: str) -> Authorization | None:
    """One header; None when it is malformed. Unknown parameters are passed over, a repeated one is a mistake."""
    scheme = _SCHEME.match(header)
    values = _parameters(header, scheme.end()) if scheme else None
    if values is None or not {"origin", "key", "sig"} <= values.keys():
        return None
    destination = values.get("destination")
    try:
        signature = signing.decode_base64(values["sig"])
        origin = ids.parse_server_name(values["origin"])
        destination = ids.parse_server_name(destination) if destination is not None else None
    except ValueError:
        return None
    if len(signature) != signing.SIGNATURE_SIZE_BYTES or not _KEY_ID.match(values["key"]):
        return None
    return Authorization(origin=origin, destination=destination, key_id=values["key"], signature=signature)


def _parameters(header: str, at: int) -> dict[str, str] | None:
    """The name=value pairs from `at` on, names in lower case. RFC 9110, sections 5.6 and 11.4, and bare colons."""
    values: dict[str, str] = {}
    while at < len(header):
        nothing = _NOTHING.match(header, at)
        if nothing:
            at = nothing.end()
            continue
        match = _PARAMETER.match(header, at)
        if match is None:
            return values if not header[at:].strip(" \t") else None
        name, quoted, bare = match.groups()
        if name.lower() in values:
            return None
        values[name.lower()] = bare if quoted is None else _ESCAPED.sub(r"\1", quoted)
        at = match.end()
    return values


def is_right(
    authorization: Authorization,
    public_key: bytes,
    recipient: ServerName,
    *,
    method: str,
    uri: str,
    content: bytes | None,
) -> bool:
    """Whether the request to us, `recipient`, bears the signature. `uri` is the raw request target, `content` the body's
    canonical JSON (`core.canonical_body`), None without a body.
    """
    if authorization.destination not in {None, recipient}:
        return False
    message = signed_bytes(method, uri, authorization.origin, recipient, content)
    return signing.verify(public_key, message, authorization.signature)


def _text(value: str) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
