"""Signatures, hashes and canonical JSON against the spec's test vectors and the reference libraries."""

import json

import canonicaljson
import nacl.signing
import pytest
import signedjson.key
import signedjson.sign

from timserver import core
from timserver.core import choice, engine, sealing
from timserver.matrix import canonical_json, signing
from timserver.matrix.errors import BadJson
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import ROOM_VERSIONS

KEY = signing.make_signing_key(
    "ed25519:1", signing.decode_base64("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1")
)
DOMAIN = ServerName("domain")


@pytest.mark.parametrize(
    ("value", "signature"),
    [
        ({}, "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ"),
        (
            {"one": 1, "two": "Two"},
            "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw",
        ),
    ],
)
def test_vectors_of_the_spec_for_objects(value: JsonObject, signature: str) -> None:
    signed = signing.sign_object(KEY, "domain", value)
    assert signed == {**value, "signatures": {"domain": {"ed25519:1": signature}}}
    assert signing.verify_object(KEY.public_key, "domain", "ed25519:1", signed)


@pytest.mark.parametrize(
    ("event", "content_hash", "signature"),
    [
        (
            {
                "room_id": "!x:domain",
                "sender": "@a:domain",
                "origin": "domain",
                "origin_server_ts": 1000000,
                "signatures": {},
                "hashes": {},
                "type": "X",
                "content": {},
                "prev_events": [],
                "auth_events": [],
                "depth": 3,
                "unsigned": {"age_ts": 1000000},
            },
            "5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos",
            "KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg",
        ),
        (
            {
                "content": {"body": "Here is the message content"},
                "event_id": "$0:domain",
                "origin": "domain",
                "origin_server_ts": 1000000,
                "type": "m.room.message",
                "room_id": "!r:domain",
                "sender": "@u:domain",
                "signatures": {},
                "unsigned": {"age_ts": 1000000},
            },
            "onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g",
            "Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA",
        ),
    ],
)
def test_vectors_of_the_spec_for_events(event: JsonObject, content_hash: str, signature: str) -> None:
    version = ROOM_VERSIONS["1"]
    assert signing.content_hash(version, event) == content_hash
    hashed = {**event, "hashes": {"sha256": content_hash}}
    signed = signing.sign_event(version, hashed, DOMAIN, KEY)
    assert signed["signatures"] == {"domain": {"ed25519:1": signature}}
    assert signing.verify_event(version, signed, DOMAIN, "ed25519:1", KEY.public_key)
    assert signing.content_hash_matches(version, signed)
    assert not signing.content_hash_matches(version, {**signed, "extra": 1})


@pytest.mark.parametrize("hashes", [None, {}, {"sha256": 1}, {"sha256": "ä"}, {"sha256": "a"}])
def test_malformed_hashes_do_not_match(hashes: object) -> None:
    assert not signing.content_hash_matches(ROOM_VERSIONS["11"], {"hashes": hashes})  # type: ignore[dict-item]


def test_signedjson_agrees() -> None:
    value: JsonObject = {"a": [1, {"ä": "\u2028"}], "unsigned": {"x": 1}, "signatures": {"other": {"k": "s"}}}
    ours = signing.sign_object(KEY, "domain", value)
    reference_key = signedjson.key.decode_signing_key_base64(
        "ed25519", "1", "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"
    )
    assert ours == signedjson.sign.sign_json(json.loads(json.dumps(value)), "domain", reference_key)


@pytest.mark.parametrize(
    "signatures",
    [
        None,
        {},
        1,
        {"domain": 1},
        {"domain": {}},
        {"domain": {"ed25519:1": 1}},
        {"domain": {"ed25519:1": "?"}},
    ],
)
def test_malformed_signatures_are_not_valid(signatures: object) -> None:
    value: JsonObject = {"signatures": signatures}  # type: ignore[dict-item]
    assert not signing.verify_object(KEY.public_key, "domain", "ed25519:1", value)


def test_wrong_signatures_are_not_valid() -> None:
    signature = signing.sign(KEY, b"message")
    assert signing.verify(KEY.public_key, b"message", signature)
    assert not signing.verify(KEY.public_key, b"massage", signature)
    assert not signing.verify(KEY.public_key[:-1], b"message", signature)
    assert not signing.verify(KEY.public_key, b"message", signature[:-1])
    assert not signing.verify(bytes(32), b"message", signature)


def test_pynacl_agrees_on_the_public_key() -> None:
    assert nacl.signing.SigningKey(KEY.seed).verify_key.encode() == KEY.public_key


def test_the_seed_is_never_shown() -> None:
    assert repr(KEY) == "SigningKey('ed25519:1')"


@pytest.mark.parametrize(("text", "data"), [("aGk", b"hi"), ("aGk=", b"hi"), ("-_8", b"\xfb\xff"), ("", b"")])
def test_base64(text: str, data: bytes) -> None:
    assert signing.decode_base64(text) == data


@pytest.mark.parametrize("text", ["a", "a b", "ä", "aGk\n"])
def test_what_is_not_base64(text: str) -> None:
    with pytest.raises(ValueError):
        signing.decode_base64(text)


CANONICAL = [
    ("{}", "{}"),
    ('{"one": 1, "two": "Two"}', '{"one":1,"two":"Two"}'),
    ('{"b":"2","a":"1"}', '{"a":"1","b":"2"}'),
    ('{"a": "日本語"}', '{"a":"日本語"}'),
    ('{"本": 2, "日": 1}', '{"日":1,"本":2}'),
    ('{"a": "\\u65E5"}', '{"a":"日"}'),
    ('{"a": null}', '{"a":null}'),
    ('{"a": -0, "b": [true, false, {"d": 1, "c": 2}]}', '{"a":0,"b":[true,false,{"c":2,"d":1}]}'),
    ('{"\\ud83d\\ude00": 1, "\\uffff": 2}', '{"\uffff":2,"\U0001f600":1}'),
    ('{"a": "\\u0000\\b\\t\\n\\f\\r\\u001f\\u007f\\/\\""}', '{"a":"\\u0000\\b\\t\\n\\f\\r\\u001f\x7f/\\""}'),
    ('{"a": 9007199254740991, "b": -9007199254740991}', '{"a":9007199254740991,"b":-9007199254740991}'),
]


@pytest.mark.parametrize(("text", "canonical"), CANONICAL)
def test_canonical_json(text: str, canonical: str) -> None:
    value = canonical_json.decode_object(text.encode(), strict=True)
    assert canonical_json.encode(value) == canonical.encode()
    assert canonicaljson.encode_canonical_json(value) == canonical.encode()


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "1", "{", '{"a":NaN}', '{"a":1e400}', '{"a":"\\ud800"}', '{"a":"\ud800"}', "[" * 2000,
        '{"a":9007199254740992}', '{"a":-9007199254740992}', '{"a":1.0}', '{"a":1e1}', '{"a":' + "9" * 30 + "}",
        '{"a":-0.0}', "\ufeff{}",
    ],
)  # fmt: skip
def test_what_canonical_json_refuses(text: str) -> None:
    with pytest.raises(BadJson):
        canonical_json.decode_object(text.encode("utf-8", "surrogatepass"), strict=True)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ('{"a":1.0}', '{"a":1.0}'),
        ('{"a":1e10}', '{"a":10000000000.0}'),
        ('{"a":8.8e-9}', '{"a":8.8e-09}'),
        ('{"a":123456789012345678901234567890}', '{"a":123456789012345678901234567890}'),
    ],
)
def test_old_rooms_write_numbers_as_python_does(text: str, canonical: str) -> None:
    value = canonical_json.decode_object(text.encode(), strict=False)
    assert canonical_json.encode(value, strict=False) == canonical.encode()
    assert canonicaljson.encode_canonical_json(value) == canonical.encode()
    with pytest.raises(BadJson):
        canonical_json.encode(value)


@pytest.mark.parametrize("text", ['{"a":' + "9" * 5000 + "}", '{"a":1e400}', '{"a":NaN}', "[1.0]"])
def test_what_old_rooms_refuse(text: str) -> None:
    with pytest.raises(BadJson):
        canonical_json.decode_object(text.encode(), strict=False)


@pytest.mark.parametrize("strict", [True, False])
def test_what_has_no_encoding(strict: bool) -> None:
    deep: JsonObject = {}
    for _ in range(2000):
        deep = {"a": deep}
    for value in (deep, {"a": "\ud800"}, {"a": float("nan")}):
        with pytest.raises(BadJson):
            canonical_json.encode(value, strict=strict)


def test_what_clients_are_told_of_bad_json() -> None:
    odd, malformed = "Floats and integers beyond 2^53 are not allowed", "Malformed JSON"
    for data, told in (
        (b"[1.5]", (odd, None)),
        (b"{", (malformed, "not JSON")),
        (b"[]", ("Not a JSON object", None)),
    ):
        with pytest.raises(BadJson) as refusal:
            canonical_json.decode_object(data, strict=True)
        assert (refusal.value.error, refusal.value.inner) == told
    for value, told in (
        (1.5, (odd, None)),
        ("\ud800", (malformed, "not representable in canonical JSON")),
    ):
        with pytest.raises(BadJson) as refusal:
            canonical_json.encode(value)
        assert (refusal.value.error, refusal.value.inner) == told


def test_a_key_whose_ends_look_as_if_it_were_too_large_is_a_key() -> None:
    """Its first byte is 0xEF, its last ends in 0x7F, as those of coordinates beyond 2^255 - 19; no byte between is 0xFF."""
    seed = bytes.fromhex("bcec80e1a0ad3cb7ef81c14c335f9033aad540fe81a7267e3dfc70402f98c046")
    key = nacl.signing.SigningKey(seed)
    public_key = bytes(key.verify_key)
    assert (public_key[0], public_key[31] & 0x7F) == (0xEF, 0x7F)
    assert 0xFF not in public_key[1:31]
    items = [(public_key, message, key.sign(b"signed").signature) for message in (b"signed", b"another")]
    assert core.verify(items) == choice.verify_by_definition(items) == [True, False]


def test_more_keys_than_are_kept_ready_sign_rightly() -> None:
    """Twice through all of them, so that what was kept and what was forgotten is used again."""
    rules = sealing.rules(ROOM_VERSIONS["11"])
    pairs = [nacl.signing.SigningKey(number.to_bytes(32, "big")) for number in range(1_100)]
    sealed: dict[int, set[tuple[bytes, str]]] = {}
    for number, pair in [*enumerate(pairs), *enumerate(pairs)]:
        key_bytes = bytes(pair), bytes(pair.verify_key)
        _, pdu, _, signature = engine.seal_event(b'{"type":"X"}', rules, "domain", "ed25519:1", *key_bytes)
        sealed.setdefault(number, set()).add((pdu, signature))
    for number in (0, 50, 999, 1_000, 1_099):
        ((pdu, signature),) = sealed[number]
        *_, signed = engine.open_event(pdu, rules)
        assert pairs[number].verify_key.verify(signed, signing.decode_base64(signature)) == signed


@pytest.mark.parametrize(("seed", "public_key"), [(b"s" * 31, b"p" * 32), (b"s" * 32, b"p" * 33), (b"", b"")])
def test_keys_of_a_wrong_size_sign_nothing(seed: bytes, public_key: bytes) -> None:
    rules = sealing.rules(ROOM_VERSIONS["11"])
    with pytest.raises(ValueError, match="key"):
        engine.seal_event(b"{}", rules, "domain", "ed25519:1", seed, public_key)
