"""X-Matrix: how a server signs its requests to another one.

What is signed is a JSON object of method, URI (path and query as sent), origin, destination and content; here it is put
together from the content's canonical bytes, so that a transaction of megabytes is not encoded a second time.

Spec: https://spec.matrix.org/v1.19/server-server-api/#request-authentication
"""

import json

from timserver.matrix import signing
from timserver.matrix.ids import ServerName


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


def _text(value: str) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def authorization(
    key: signing.SigningKey,
    origin: ServerName,
    destination: ServerName,
    *,
    method: str,
    uri: str,
    content: bytes | None,
) -> str:
    """The Authorization header of a request of ours."""
    message = signed_bytes(method, uri, origin, destination, content)
    signature = signing.encode_base64(signing.sign(key, message))
    return f'X-Matrix origin="{origin}",destination="{destination}",key="{key.key_id}",sig="{signature}"'
