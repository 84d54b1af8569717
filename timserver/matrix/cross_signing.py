"""Cross-signing: a user's master, self-signing and user-signing keys, and who may sign what.

Spec: https://spec.matrix.org/v1.19/client-server-api/#cross-signing
"""

import msgspec

from timserver.matrix import errors, signing
from timserver.matrix.device_keys import signatures_of
from timserver.matrix.ids import UserID
from timserver.matrix.json_types import JsonObject

MASTER, SELF_SIGNING, USER_SIGNING = "master", "self_signing", "user_signing"

_ED25519 = "ed25519:"


class CrossSigningKey(msgspec.Struct, frozen=True):
    """A key of a user; `public_key` is unpadded base64, and `value` the whole object."""

    usage: str
    public_key: str
    value: JsonObject

    @property
    def key_id(self) -> str:
        """As it stands in `signatures`."""
        return _ED25519 + self.public_key


class _Shape(msgspec.Struct, frozen=True):
    user_id: str
    usage: list[str]
    keys: dict[str, str]


def parse(value: JsonObject, usage: str, user_id: UserID) -> CrossSigningKey:
    """Raises `BadJson` for a wrong shape, `InvalidParam` for another user's key or another usage."""
    try:
        shape = msgspec.convert(value, _Shape)
    except msgspec.ValidationError as error:
        raise errors.BadJson(f"{usage} key: {error}") from error
    if shape.user_id != user_id:
        raise errors.InvalidParam("This is another user's key")
    if usage not in shape.usage:
        raise errors.InvalidParam(f"This key is not for {usage}")
    if len(shape.keys) != 1:
        raise errors.InvalidParam("A cross-signing key holds exactly one public key")
    ((key_id, public_key),) = shape.keys.items()
    if key_id != _ED25519 + public_key or not _public_bytes(public_key):
        raise errors.InvalidParam("Not an ed25519 key named by itself")
    return CrossSigningKey(usage, public_key, value)


def is_signed_by(value: JsonObject, signer: UserID, key_id: str, public_key: str) -> bool:
    """Whether the object bears the user's signature by this key."""
    public_bytes = _public_bytes(public_key)
    return public_bytes is not None and signing.verify_object(public_bytes, signer, key_id, value)


def good_signatures(
    value: JsonObject, signer: UserID, public_keys: dict[str, str]
) -> dict[str, dict[str, str]] | None:
    """The signer's signatures by the keys that may sign this (key id -> public key); all others are passed over.

    None when there is no such signature, or a wrong one.
    """
    by_key = signatures_of(value).get(signer, {})
    found = {key_id: text for key_id, text in by_key.items() if key_id in public_keys}
    if not all(is_signed_by(value, signer, key_id, public_keys[key_id]) for key_id in found):
        return None
    return {signer: found} if found else None


def _public_bytes(public_key: str) -> bytes | None:
    try:
        decoded = signing.decode_base64(public_key)
    except ValueError:
        return None
    return decoded if len(decoded) == signing.PUBLIC_KEY_SIZE_BYTES else None
