"""Signatures and hashes: of JSON objects (devices, requests, server keys) and of events.

Spec: https://spec.matrix.org/v1.19/appendices/#signing-json and
https://spec.matrix.org/v1.19/server-server-api/#signing-events
"""

import base64
import binascii
import hashlib

import msgspec
import nacl.bindings
import nacl.exceptions

from timserver.matrix import canonical_json
from timserver.matrix.ids import EventID, ServerName
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.redaction import redact
from timserver.matrix.room_versions import EventIdFormat, RoomVersion

SEED_SIZE_BYTES = 32
PUBLIC_KEY_SIZE_BYTES = 32
SIGNATURE_SIZE_BYTES = 64


class SigningKey(msgspec.Struct, frozen=True):
    """A server's ed25519 key. Made by `make_signing_key`; its text form never shows the seed."""

    key_id: str  # "ed25519:…"
    seed: bytes
    public_key: bytes

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id!r})"


def make_signing_key(key_id: str, seed: bytes) -> SigningKey:
    """The key of a 32-byte seed."""
    assert len(seed) == SEED_SIZE_BYTES
    assert key_id.startswith("ed25519:")
    public_key, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
    return SigningKey(key_id, seed, public_key)


_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def encode_base64(data: bytes) -> str:
    """Unpadded standard base64."""
    return base64.b64encode(data).decode().rstrip("=")


def encode_base64_urlsafe(data: bytes) -> str:
    """Unpadded URL-safe base64."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode_base64(text: str) -> bytes:
    """The bytes of standard or URL-safe base64, padded or not. Raises ValueError."""
    try:
        standard = text.encode("ascii").translate(_TO_STANDARD).rstrip(b"=")
        return binascii.a2b_base64(standard + b"=" * (-len(standard) % 4), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64") from error


def sign(key: SigningKey, message: bytes) -> bytes:
    """The 64-byte signature of `message`."""
    return nacl.bindings.crypto_sign(message, key.seed + key.public_key)[:SIGNATURE_SIZE_BYTES]


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is right; keys and signatures of a wrong size are not."""
    if len(public_key) != PUBLIC_KEY_SIZE_BYTES or len(signature) != SIGNATURE_SIZE_BYTES:
        return False
    try:
        nacl.bindings.crypto_sign_open(signature + message, public_key)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def sign_object(key: SigningKey, signer: str, value: JsonObject) -> dict[str, JsonValue]:
    """A copy of the object with our signature added to `signatures`. `signer` is a server name or user id."""
    message = canonical_json.encode_without(value, "signatures", "unsigned")
    return {**value, "signatures": _with_signature(value, signer, key.key_id, sign(key, message))}


def verify_object(public_key: bytes, signer: str, key_id: str, value: JsonObject) -> bool:
    """Whether the object bears `signer`'s signature by this key. Malformed objects do not. Never raises MatrixError
    but BadJson, when the object cannot be written as canonical JSON.
    """
    signature = signature_of(value, signer, key_id)
    if signature is None:
        return False
    return verify(public_key, canonical_json.encode_without(value, "signatures", "unsigned"), signature)


def signature_of(value: JsonObject, signer: str, key_id: str) -> bytes | None:
    """The signature found in the object, not yet verified."""
    signatures = value.get("signatures")
    by_signer = signatures.get(signer) if isinstance(signatures, dict) else None
    text = by_signer.get(key_id) if isinstance(by_signer, dict) else None
    if not isinstance(text, str):
        return None
    try:
        return decode_base64(text)
    except ValueError:
        return None


def content_hash(version: RoomVersion, pdu: JsonObject) -> str:
    """SHA-256 over the whole event, in unpadded base64; it stands in `hashes.sha256`."""
    return encode_base64(_content_digest(version, pdu))


def content_hash_matches(version: RoomVersion, pdu: JsonObject) -> bool:
    """Whether `hashes.sha256` fits the event. If not, the event was redacted or forged and only its redacted form
    may be used.
    """
    hashes = pdu.get("hashes")
    text = hashes.get("sha256") if isinstance(hashes, dict) else None
    if not isinstance(text, str):
        return False
    try:
        return decode_base64(text) == _content_digest(version, pdu)
    except ValueError:
        return False


def _content_digest(version: RoomVersion, pdu: JsonObject) -> bytes:
    strict = version.strict_canonical_json
    data = canonical_json.encode_without(pdu, "unsigned", "signatures", "hashes", strict=strict)
    return hashlib.sha256(data).digest()


def reference_hash(version: RoomVersion, pdu: JsonObject) -> bytes:
    """SHA-256 over the redacted event without signatures: what identifies it."""
    return hashlib.sha256(signed_bytes(version, pdu)).digest()


def event_id(version: RoomVersion, pdu: JsonObject) -> EventID:
    """The event's id: given (versions 1 and 2) or made of the reference hash."""
    if version.event_id_format is EventIdFormat.GIVEN:
        given = pdu["event_id"]
        assert isinstance(given, str)
        return EventID(given)
    urlsafe = version.event_id_format is EventIdFormat.HASH_URLSAFE
    encode = encode_base64_urlsafe if urlsafe else encode_base64
    return EventID("$" + encode(reference_hash(version, pdu)))


def sign_event(
    version: RoomVersion, pdu: JsonObject, server_name: ServerName, key: SigningKey
) -> dict[str, JsonValue]:
    """A copy of the PDU with our signature added. Its content hash must already be there."""
    signature = sign(key, signed_bytes(version, pdu))
    return {**pdu, "signatures": _with_signature(pdu, server_name, key.key_id, signature)}


def verify_event(
    version: RoomVersion, pdu: JsonObject, server_name: ServerName, key_id: str, public_key: bytes
) -> bool:
    """Whether the event bears the server's signature by this key. That the key was valid is the caller's business."""
    signature = signature_of(pdu, server_name, key_id)
    return signature is not None and verify(public_key, signed_bytes(version, pdu), signature)


def signed_bytes(version: RoomVersion, pdu: JsonObject) -> bytes:
    """What an event's signatures and its reference hash cover: the redacted event without signatures."""
    strict = version.strict_canonical_json
    return canonical_json.encode_without(redact(version, pdu), "signatures", "unsigned", strict=strict)


def _with_signature(value: JsonObject, signer: str, key_id: str, signature: bytes) -> dict[str, JsonValue]:
    signatures = value.get("signatures")
    all_signers = dict(signatures) if isinstance(signatures, dict) else {}
    by_signer = all_signers.get(signer)
    all_signers[signer] = {
        **(by_signer if isinstance(by_signer, dict) else {}),
        key_id: encode_base64(signature),
    }
    return all_signers
