from typing import Any

import pytest

from timserver.matrix import server_keys, signing
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject

NAME = ServerName("a.example")
NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
KEY = signing.make_signing_key("ed25519:a", bytes(range(32)))
SECOND = signing.make_signing_key("ed25519:b", bytes(range(1, 33)))


def document(*signers: signing.SigningKey, **changes: Any) -> JsonObject:
    value: JsonObject = {
        "server_name": NAME,
        "verify_keys": {"ed25519:a": {"key": signing.encode_base64(KEY.public_key)}},
        "old_verify_keys": {},
        "valid_until_ts": NOW_MS + DAY_MS,
        **changes,
    }
    for key in signers:
        value = signing.sign_object(key, NAME, value)
    return value


def test_a_document_is_read() -> None:
    old = {"ed25519:o": {"key": signing.encode_base64(SECOND.public_key), "expired_ts": 5}}
    keys = server_keys.read(document(KEY, old_verify_keys=old), NAME, NOW_MS)
    assert keys == {
        "ed25519:a": server_keys.VerifyKey(KEY.public_key, NOW_MS + DAY_MS, None),
        "ed25519:o": server_keys.VerifyKey(SECOND.public_key, 5, 5),
    }


def test_what_we_write_can_be_read() -> None:
    written = server_keys.write(NAME, [KEY, SECOND], {"ed25519:o": (bytes(32), 7)}, NOW_MS + DAY_MS)
    keys = server_keys.read(written, NAME, NOW_MS)
    assert keys is not None
    assert {key_id: key.expired_ts for key_id, key in keys.items()} == {
        "ed25519:a": None,
        "ed25519:b": None,
        "ed25519:o": 7,
    }


def test_no_key_is_valid_for_more_than_a_week() -> None:
    keys = server_keys.read(document(KEY, valid_until_ts=2**53 - 1), NAME, NOW_MS)
    assert keys is not None
    assert keys["ed25519:a"].valid_until_ts == NOW_MS + 7 * DAY_MS


def test_a_key_that_has_not_signed_is_not_taken() -> None:
    both = {
        "ed25519:a": {"key": signing.encode_base64(KEY.public_key)},
        "ed25519:b": {"key": signing.encode_base64(SECOND.public_key)},
    }
    keys = server_keys.read(document(KEY, verify_keys=both), NAME, NOW_MS)
    assert keys is not None
    assert set(keys) == {"ed25519:a"}


def forged(value: JsonObject) -> JsonObject:
    return {**value, "signatures": {NAME: {"ed25519:a": signing.encode_base64(bytes(64))}}}


BAD_KEY = {"ed25519:a": {"key": "l/O9hxMVKB6Lg+3Hqf0FQQZhVESQcMzbPN1Cz2nM3og"}}
MANY = {f"ed25519:{n}": {"key": signing.encode_base64(bytes(32)), "expired_ts": 1} for n in range(101)}

REFUSED: dict[str, JsonObject] = {
    "unsigned": document(),
    "signed by a key it does not name": document(SECOND),
    "a wrong signature": forged(document()),
    "changed after signing": {**document(KEY), "valid_until_ts": NOW_MS},
    "of another server": {**document(KEY), "server_name": "b.example"},
    "no end": document(KEY, valid_until_ts=None),
    "an end that is text": document(KEY, valid_until_ts="1"),
    "no keys": document(KEY, verify_keys={}),
    "keys that are no object": document(KEY, verify_keys=[]),
    "a key of a wrong size": document(KEY, verify_keys={"ed25519:a": {"key": "AAAA"}}),
    "a key that is a number": document(KEY, verify_keys={"ed25519:a": {"key": 1}}),
    "only old keys": document(
        KEY, verify_keys={}, old_verify_keys={"ed25519:a": {"key": signing.encode_base64(KEY.public_key), "expired_ts": 1}}
    ),
    "too many keys": document(KEY, old_verify_keys=MANY),
    "signatures of a wrong shape": {**document(), "signatures": {NAME: ["x"]}},
    "the key that everybody has": {**document(verify_keys=BAD_KEY), "signatures": {}},
    "nothing": {},
}  # fmt: skip


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_what_is_not_signed_by_the_server_itself_is_nothing(value: JsonObject) -> None:
    assert not server_keys.read(value, NAME, NOW_MS)


def test_e14_keys_that_everybody_has_are_left_out() -> None:
    old = {"ed25519:o": {**BAD_KEY["ed25519:a"], "expired_ts": 5}}
    keys = server_keys.read(document(KEY, old_verify_keys=old), NAME, NOW_MS)
    assert keys is not None
    assert set(keys) == {"ed25519:a"}
