"""What devices publish of themselves: identity keys, one-time keys, fallback keys. Checks of their shape.

Signatures are the clients' business; here only what belongs to whom is checked.
Spec: https://spec.matrix.org/v1.19/client-server-api/#end-to-end-encryption
"""

from collections.abc import Mapping

import msgspec

from timserver.matrix import canonical_json, errors
from timserver.matrix.ids import DeviceID, UserID
from timserver.matrix.json_types import JsonObject, JsonValue

Signatures = Mapping[str, Mapping[str, str]]


class DeviceKeys(msgspec.Struct, frozen=True):
    """Identity keys of a device; other servers may have some without signatures, which no client trusts."""

    user_id: str
    device_id: str
    algorithms: list[str]
    keys: dict[str, str]
    signatures: dict[str, dict[str, str]] = {}


class NamedKey(msgspec.Struct, frozen=True):
    """A one-time or fallback key; `json` is canonical."""

    algorithm: str
    key_id: str
    json: bytes


class _KeyObject(msgspec.Struct, frozen=True):
    key: str
    signatures: dict[str, dict[str, str]]


def parse_device_keys(value: JsonObject, user_id: UserID, device_id: DeviceID) -> DeviceKeys:
    """Raises `BadJson` for a wrong shape and `InvalidParam` for keys of another user or device."""
    try:
        keys = msgspec.convert(value, DeviceKeys)
    except msgspec.ValidationError as error:
        raise errors.BadJson(f"device_keys: {error}") from error
    if keys.user_id != user_id or keys.device_id != device_id:
        raise errors.InvalidParam("These are the keys of another user or device")
    return keys


def check_signed(keys: DeviceKeys) -> None:
    """Raises `BadJson` for keys without signatures."""
    if not keys.signatures:
        raise errors.BadJson("device_keys: signatures are missing")


def parse_named_keys(values: JsonObject) -> list[NamedKey]:
    """Keys by `<algorithm>:<key_id>`, in their order. Raises `BadJson` and `InvalidParam`."""
    found = []
    for name, value in values.items():
        algorithm, colon, key_id = name.partition(":")
        if not algorithm or not colon or not key_id:
            raise errors.InvalidParam("A key's name is not <algorithm>:<key id>")
        if not isinstance(value, str):
            try:
                msgspec.convert(value, _KeyObject)
            except msgspec.ValidationError as error:
                raise errors.BadJson(f"A key is malformed: {error}") from error
        found.append(NamedKey(algorithm, key_id, canonical_json.encode(value)))
    return found


def encode(value: JsonObject) -> bytes:
    """Canonical JSON as it is kept: without `unsigned`, which is the server's to add."""
    return canonical_json.encode_without(value, "unsigned")


def same_identity(one: JsonObject, two: JsonObject) -> bool:
    """Whether both objects hold the same keys."""
    return one.get("keys") == two.get("keys")


def same_but_for_signatures(one: JsonObject, two: JsonObject) -> bool:
    """Whether both objects are the same thing to sign. Raises `BadJson`."""
    first, second = (canonical_json.encode_without(value, "signatures", "unsigned") for value in (one, two))
    return first == second


def signatures_of(value: JsonObject) -> dict[str, dict[str, str]]:
    """Well-formed signatures of an object, by signer and key."""
    signatures = value.get("signatures")
    found: dict[str, dict[str, str]] = {}
    for signer, by_key in signatures.items() if isinstance(signatures, dict) else ():
        if isinstance(by_key, dict):
            found[signer] = {key: text for key, text in by_key.items() if isinstance(text, str)}
    return found


def with_signatures(value: JsonObject, added: Signatures) -> dict[str, JsonValue]:
    """The object with more signatures; of two by the same key the added one stays."""
    merged = signatures_of(value)
    for signer, by_key in added.items():
        merged[signer] = {**merged.get(signer, {}), **by_key}
    return {**value, "signatures": merged} if merged else dict(value)
