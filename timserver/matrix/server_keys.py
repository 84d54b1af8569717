"""A server's document of signing keys: read, checked, written.

Spec: https://spec.matrix.org/v1.19/server-server-api/#publishing-keys
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from timserver.matrix import signing
from timserver.matrix.errors import BadJson
from timserver.matrix.event import get_int, get_object, get_str
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject

KEYS_MAX: Final = 100
VALID_MS_MAX: Final = 7 * 86_400_000
"""However long a server says that its keys are valid: a stolen one must come to an end."""

_KEY_ID: Final = re.compile(r"ed25519:[!-~]{1,247}\Z")

KNOWN_BAD: Final = frozenset({signing.decode_base64("l/O9hxMVKB6Lg+3Hqf0FQQZhVESQcMzbPN1Cz2nM3og")})
"""Public keys whose secret half everybody has: an installer's fixed seed (CVE-2026-24044)."""


def is_key_id(text: str) -> bool:
    """An ed25519 key id that may be looked up."""
    return _KEY_ID.match(text) is not None


class VerifyKey(msgspec.Struct, frozen=True):
    """A public key. `valid_until_ts` is the document's, bounded; after `expired_ts` the server signs no more with it."""

    public_key: bytes
    valid_until_ts: int
    expired_ts: int | None


def read(document: JsonObject, server_name: ServerName, now_ms: int) -> Mapping[str, VerifyKey] | None:
    """The keys in a document that is about this server and signed by it; else None.

    A key in use must have signed the document itself, so that nobody names a key that is not his; a wrong signature
    spoils the whole. Algorithms other than ed25519, malformed and known-bad keys are left out.
    """
    valid_until_ts = get_int(document, "valid_until_ts")
    if get_str(document, "server_name") != server_name or valid_until_ts is None:
        return None
    valid_until_ts = min(valid_until_ts, now_ms + VALID_MS_MAX)
    current = _public_keys(get_object(document, "verify_keys"))
    old = _public_keys(get_object(document, "old_verify_keys"))
    if current is None or old is None:
        return None
    keys: dict[str, VerifyKey] = {}
    for key_id, (public_key, expired_ts) in old.items():
        if expired_ts is not None:
            keys[key_id] = VerifyKey(public_key, expired_ts, expired_ts)
    try:
        for key_id, (public_key, _) in current.items():
            if signing.signature_of(document, server_name, key_id) is None:
                continue
            if not signing.verify_object(public_key, server_name, key_id, document):
                return None
            keys[key_id] = VerifyKey(public_key, valid_until_ts, None)
    except BadJson:
        return None
    if all(key.expired_ts is not None for key in keys.values()):
        return None
    return {key_id: key for key_id, key in keys.items() if key.public_key not in KNOWN_BAD}


def _public_keys(members: JsonObject | None) -> dict[str, tuple[bytes, int | None]] | None:
    """Key ids with the bytes of the key and `expired_ts`; None when there are too many to be meant seriously."""
    found: dict[str, tuple[bytes, int | None]] = {}
    if members is None:
        return found
    if len(members) > KEYS_MAX:
        return None
    for key_id, value in members.items():
        if not isinstance(value, Mapping) or not is_key_id(key_id):
            continue
        text = get_str(value, "key")
        try:
            public_key = signing.decode_base64(text or "")
        except ValueError:
            continue
        if len(public_key) == signing.PUBLIC_KEY_SIZE_BYTES:
            found[key_id] = (public_key, get_int(value, "expired_ts"))
    return found


def write(
    server_name: ServerName,
    keys: Iterable[signing.SigningKey],
    old_keys: Mapping[str, tuple[bytes, int]],
    valid_until_ts: int,
) -> JsonObject:
    """Our own document, signed by every key in use. `old_keys`: public key and the end of its use, by key id."""
    keys = tuple(keys)
    assert keys
    assert not KNOWN_BAD & {key.public_key for key in keys}, "a key that everybody has"
    document: JsonObject = {
        "server_name": server_name,
        "verify_keys": {key.key_id: {"key": signing.encode_base64(key.public_key)} for key in keys},
        "old_verify_keys": {
            key_id: {"key": signing.encode_base64(public_key), "expired_ts": expired_ts}
            for key_id, (public_key, expired_ts) in old_keys.items()
        },
        "valid_until_ts": valid_until_ts,
    }
    for key in keys:
        document = signing.sign_object(key, server_name, document)
    return document
