"""The engine does what the definition says, on whatever comes."""

import json
from random import Random

import canonicaljson
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from timserver import core
from timserver.core import choice, engine, sealing
from timserver.core.definition import json_check, state_pack
from timserver.matrix import pdu, signing
from timserver.matrix.errors import BadJson, MatrixError, TooLarge
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.json_types import JsonValue
from timserver.matrix.room_versions import ROOM_VERSIONS, EventIdFormat, RoomVersion

KEY = signing.make_signing_key("ed25519:k", bytes(range(32)))
SERVER = ServerName("a.example")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "\0", '"', "\\", "\x1f", "\x7f", "\u2028", "\uffff", "\U0001f600", "ä"]
)
integers = st.integers(-(2**53) + 1, 2**53 - 1)
leaves = st.none() | st.booleans() | integers | texts
values: st.SearchStrategy[JsonValue] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=30),
    max_leaves=40,
)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
loose_values: st.SearchStrategy[JsonValue] = st.recursive(
    leaves | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=15,
)
event_types = st.sampled_from(
    [
        "m.room.message",
        "m.room.member",
        "m.room.create",
        "m.room.join_rules",
        "m.room.power_levels",
        "m.room.aliases",
        "m.room.history_visibility",
        "m.room.redaction",
    ]
)
content_keys = st.sampled_from(
    [
        "membership",
        "join_authorised_via_users_server",
        "third_party_invite",
        "creator",
        "join_rule",
        "allow",
        "ban",
        "events",
        "events_default",
        "kick",
        "redact",
        "state_default",
        "users",
        "users_default",
        "invite",
        "notifications",
        "aliases",
        "history_visibility",
        "redacts",
        "body",
        "x",
    ]
)


def content_of(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[dict[str, JsonValue]]:
    signed = st.fixed_dictionaries({"signed": inner, "display_name": inner}) | inner
    whole = st.dictionaries(content_keys | texts, inner, max_size=8)
    return st.builds(lambda a, b: {**a, "third_party_invite": b}, whole, signed) | whole


def outcome(function: object, *arguments: object, **named: object) -> object:
    """The result, or the reason of the refusal."""
    try:
        return function(*arguments, **named)  # type: ignore[operator]
    except ValueError as error:
        return f"refused: {error}"


@given(values, st.sampled_from([None, 1]), st.booleans())
def test_canonical_json_is_the_references(value: JsonValue, indent: int | None, escape: bool) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=escape).encode()
    expected = canonicaljson.encode_canonical_json(value)
    assert core.canonical_json(data) == expected
    assert json_check.canonical_json(data) == expected


def overwritten(data: bytes, at: int, byte: int) -> bytes:
    """The bytes with one of them replaced."""
    at %= len(data)
    return data[:at] + bytes([byte]) + data[at + 1 :]


broken_json = st.one_of(
    st.binary(max_size=30),
    st.text('[]{}:,"\\u0019dDcC8aefnl.-+ tr\n', max_size=24).map(str.encode),
    st.builds(lambda value: json.dumps(value).encode(), loose_values),
    st.builds(
        lambda value, at, byte: overwritten(json.dumps(value).encode(), at, byte),
        loose_values,
        st.integers(0, 1000),
        st.integers(0, 255),
    ),
)


@given(broken_json, st.integers(0, 5), st.booleans())
def test_both_refuse_the_same_json(data: bytes, depth_max: int, strict: bool) -> None:
    by_engine = outcome(engine.check_json, data, depth_max, strict_integers=strict)
    by_definition = outcome(json_check.check_json, data, depth_max, strict_integers=strict)
    assert (by_engine is None) == (by_definition is None), (by_engine, by_definition)


@given(broken_json)
def test_both_canonicalize_the_same(data: bytes) -> None:
    by_engine = outcome(engine.canonical_json, data)
    by_definition = outcome(json_check.canonical_json, data)
    if isinstance(by_engine, bytes) or isinstance(by_definition, bytes):
        assert by_engine == by_definition


@given(st.dictionaries(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), max_size=50))
def test_packed_state_comes_back(state: dict[int, int]) -> None:
    packed = core.pack_state(state)
    assert packed == state_pack.pack_state(state)
    assert list(core.unpack_state(packed).items()) == sorted(state.items())
    assert state_pack.unpack_state(packed) == state


@example(b"\x80" * 10)  # a number of ten bytes that goes on
@given(st.binary(max_size=40) | st.lists(st.sampled_from([0, 1, 127, 128, 255]), max_size=40).map(bytes))
def test_both_refuse_the_same_packed_state(data: bytes) -> None:
    assert outcome(engine.unpack_state, data) == outcome(state_pack.unpack_state, data)


@given(
    st.sampled_from(sorted(ROOM_VERSIONS)), event_types | texts, content_of(values | loose_values), st.data()
)
def test_sealing_and_opening(
    version: str, event_type: str, content: dict[str, JsonValue], data: st.DataObject
) -> None:
    room_version = ROOM_VERSIONS[version]
    given_id = room_version.event_id_format is EventIdFormat.GIVEN
    template = pdu.PduTemplate(
        room_id=RoomID("!r:a.example"),
        sender=UserID("@alice:a.example"),
        type=event_type,
        content=content,
        prev_events=(),
        auth_events=(),
        depth=data.draw(st.integers(0, 2**63 - 1)),
        origin_server_ts=data.draw(integers),
        state_key=data.draw(st.none() | texts),
        redacts=EventID("$x:a.example") if event_type == "m.room.redaction" else None,
        event_id=EventID("$e:a.example") if given_id else None,
    )
    try:
        expected = pdu.build_and_sign(room_version, template, server_name=SERVER, signing_key=KEY)
    except MatrixError as error:
        with pytest.raises(type(error)):
            core.seal(room_version, template, server_name=SERVER, signing_key=KEY)
        return
    sealed = core.seal(room_version, template, server_name=SERVER, signing_key=KEY)
    assert msgspec.structs.asdict(sealed) == msgspec.structs.asdict(expected)

    opened = core.open_pdu(room_version, sealed.pdu)
    assert msgspec.structs.asdict(opened.event) == msgspec.structs.asdict(sealed)
    assert opened.hash_matches
    value = pdu.to_object(room_version, sealed)
    assert opened.signed == signing.signed_bytes(room_version, value)
    assert signing.verify_event(room_version, value, SERVER, "ed25519:k", KEY.public_key)


top_level_keys = st.sampled_from(
    [
        "event_id",
        "type",
        "room_id",
        "sender",
        "state_key",
        "hashes",
        "signatures",
        "depth",
        "prev_events",
        "auth_events",
        "origin_server_ts",
        "prev_state",
        "origin",
        "membership",
        "unsigned",
        "redacts",
        "x",
    ]
)


@given(
    st.sampled_from(sorted(ROOM_VERSIONS)),
    st.dictionaries(top_level_keys, values),
    content_of(values),
    st.data(),
)
def test_opening_what_others_send(
    version: str, changes: dict[str, JsonValue], content: dict[str, JsonValue], data: st.DataObject
) -> None:
    room_version = ROOM_VERSIONS[version]
    value: dict[str, JsonValue] = {
        "auth_events": [], "content": content, "depth": 1, "hashes": {"sha256": "x"}, "origin_server_ts": 1,
        "prev_events": [], "room_id": "!r:a.example", "sender": "@a:a.example", "signatures": {},
        "type": data.draw(event_types), "event_id": "$x:a.example",
    }  # fmt: skip
    changed = data.draw(st.sets(st.sampled_from(sorted(changes)))) if changes else set()
    value |= {name: changes[name] for name in changed}
    value["hashes"] = {
        "sha256": signing.content_hash(room_version, value) + data.draw(st.sampled_from(["", "=", "x"]))
    }
    raw = json.dumps(value).encode()
    try:
        expected = sealing.open_by_definition(room_version, raw)
    except MatrixError as error:
        with pytest.raises(type(error)):
            core.open_pdu(room_version, raw)
        return
    opened = core.open_pdu(room_version, raw)
    assert msgspec.structs.asdict(opened.event) == msgspec.structs.asdict(expected.event)
    assert (opened.hash_matches, opened.signed) == (expected.hash_matches, expected.signed)


@given(st.sampled_from(sorted(ROOM_VERSIONS)), st.lists(st.integers(0, 4), max_size=80), st.randoms())
def test_many_pdus_are_opened_as_one_by_one(version: str, kinds: list[int], random: Random) -> None:
    room_version = ROOM_VERSIONS[version]
    datas = [pdu_of_kind(kind, place, random) for place, kind in enumerate(kinds)]
    expected = [outcome_of_opening(room_version, data) for data in datas]
    assert [plain(opened) for opened in core.open_pdus(room_version, datas)] == expected
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sealing, "HAS_ENGINE", False)
        by_definition = [plain(opened) for opened in core.open_pdus(room_version, datas)]
    assert [item[:2] for item in by_definition] == [item[:2] for item in expected]


def pdu_of_kind(kind: int, place: int, random: Random) -> bytes:
    """Whole, of another form, with an odd number, broken or far too long."""
    value: dict[str, JsonValue] = {
        "auth_events": [], "content": {"body": "x" * random.randrange(60)}, "depth": 1, "hashes": {"sha256": "x"},
        "origin_server_ts": place, "prev_events": [], "room_id": "!r:a.example", "sender": "@a:a.example",
        "signatures": {}, "type": "m.room.message", "event_id": f"${place}:a.example",
    }  # fmt: skip
    if kind == 1:
        value["sender"] = "nobody"
    if kind == 2:
        value["content"] = {"x": 1.5}
    data = json.dumps(value).encode()
    if kind == 3:
        data = data[: random.randrange(len(data))]
    return data + b" " * pdu.READ_BYTES_MAX if kind == 4 else data


def outcome_of_opening(version: RoomVersion, data: bytes) -> tuple[object, ...]:
    try:
        return plain(core.open_pdu(version, data))
    except (BadJson, TooLarge) as error:
        return plain(error)


def plain(opened: sealing.OpenedPdu | BadJson | TooLarge) -> tuple[object, ...]:
    if isinstance(opened, sealing.OpenedPdu):
        return msgspec.structs.asdict(opened.event), opened.hash_matches, opened.signed
    return type(opened), opened.error, opened.inner


def flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at // 8 % len(data)] ^= 1 << at % 8
    return bytes(changed)


@given(st.binary(max_size=40), st.integers(0, 700), st.integers(0, 3))
def test_signatures_are_judged_alike(message: bytes, at: int, part: int) -> None:
    item = [KEY.public_key, message or b"m", signing.sign(KEY, message or b"m")]
    if part < 3:
        item[part] = flipped(item[part], at)
    items = [(item[0], item[1], item[2])]
    assert core.verify(items) == choice.verify_by_definition(items) == [part == 3]


@pytest.mark.parametrize("low", range(256))
def test_odd_public_keys_are_judged_alike(low: int) -> None:
    """Small orders and coordinates beyond the field, with and without the sign bit."""
    signature = signing.sign(KEY, b"m")
    keys = [bytes([low]) + bytes(31), bytes([low]) + b"\xff" * 30 + b"\x7f", bytes([low]) + b"\xff" * 31]
    forged = bytes([1]) + bytes(63)
    items = [(key, b"m", sig) for key in keys for sig in (signature, forged)]
    order = (2**252 + 27742317777372353535851937790883648493).to_bytes(32, "little")
    scalar = int.from_bytes(signature[32:], "little") + int.from_bytes(order, "little")
    items.append((KEY.public_key, b"m", signature[:32] + scalar.to_bytes(32, "little")))
    assert core.verify(items) == choice.verify_by_definition(items)


def test_many_signatures_are_judged_in_their_order() -> None:
    """More than one thread's share of them."""
    messages = [f"message {place}".encode() for place in range(500)]
    signatures = [signing.sign(KEY, message) for message in messages]
    items = [
        (KEY.public_key, message, flipped(signature, place) if place % 7 == 0 else signature)
        for place, (message, signature) in enumerate(zip(messages, signatures, strict=True))
    ]
    by_engine = core.verify(items)
    assert by_engine == choice.verify_by_definition(items)
    assert by_engine == [place % 7 != 0 for place in range(500)]


def test_wrong_sizes_are_no_errors() -> None:
    items = [(b"", b"m", b""), (KEY.public_key, b"m", b"x" * 63), (b"x" * 33, b"m", b"x" * 64)]
    assert core.verify(items) == [False, False, False]
