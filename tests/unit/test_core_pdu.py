"""Format and limits of PDUs, and building our own."""

import base64
import hashlib
import json

import canonicaljson
import msgspec
import pytest

from tests.support.rooms import ALICE, ALL, BOB, before, since
from timserver.matrix import canonical_json, pdu, signing
from timserver.matrix.errors import BadJson, MatrixError, TooLarge
from timserver.matrix.event import Event, get_bool, get_int, get_list, get_object, get_str
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.room_versions import ROOM_VERSIONS

KEY = signing.make_signing_key("ed25519:1", bytes(range(32)))
SERVER = ServerName("a.example")
HASHES = {"1": "$x:a.example", "2": "$x:a.example", "3": "$" + "+" * 42 + "A"}


def reference_of(version: str) -> EventID:
    return EventID(HASHES.get(version, "$" + "-" * 42 + "A"))


def template_of(version: str, **changes: object) -> pdu.PduTemplate:
    previous = reference_of(version)
    template = pdu.PduTemplate(
        room_id=RoomID("!r:a.example"),
        sender=ALICE,
        type="m.room.message",
        content={"body": "hi"},
        prev_events=(previous,),
        auth_events=(previous,),
        depth=7,
        origin_server_ts=1_700_000_000_000,
        event_id=EventID("$new:a.example") if version in before(3) else None,
        reference_hashes={previous: "hash"} if version in before(3) else {},
    )
    return msgspec.structs.replace(template, **changes)


def built(version: str, **changes: object) -> Event:
    return pdu.build_and_sign(
        ROOM_VERSIONS[version], template_of(version, **changes), server_name=SERVER, signing_key=KEY
    )


def parse_changed(version: str, **changes: JsonValue) -> Event:
    value = {**pdu.to_object(ROOM_VERSIONS[version], built(version)), **changes}
    return pdu.parse(ROOM_VERSIONS[version], json.dumps(value).encode())


@pytest.mark.parametrize("version", ALL)
def test_built_events_parse_to_the_same(version: str) -> None:
    room_version = ROOM_VERSIONS[version]
    event = built(version)
    again = pdu.parse(room_version, event.pdu, room_id=RoomID("!r:a.example"))
    assert msgspec.structs.asdict(again) == msgspec.structs.asdict(event)
    value = pdu.to_object(room_version, event)
    assert signing.content_hash_matches(room_version, value)
    assert signing.verify_event(room_version, value, SERVER, "ed25519:1", KEY.public_key)
    assert event.prev_events == event.auth_events == (reference_of(version),)
    assert repr(event) == f"Event({event.event_id}, 'm.room.message')"


@pytest.mark.parametrize("version", since(3))
def test_event_ids_by_the_steps_of_the_spec(version: str) -> None:
    event = built(version)
    value = pdu.to_object(ROOM_VERSIONS[version], event)
    value["content"] = {}
    del value["signatures"]
    digest = hashlib.sha256(canonicaljson.encode_canonical_json(value)).digest()
    encode = base64.b64encode if version == "3" else base64.urlsafe_b64encode
    assert event.event_id == "$" + encode(digest).decode().rstrip("=")


@pytest.mark.parametrize("version", ALL)
def test_redacting_keeps_the_id(version: str) -> None:
    event = msgspec.structs.replace(built(version), rejected=True)
    redacted = pdu.redacted(ROOM_VERSIONS[version], event)
    assert redacted.event_id == event.event_id
    assert redacted.content == {}
    assert redacted.rejected


@pytest.mark.parametrize("version", since(12))
def test_a_create_event_makes_the_room_id(version: str) -> None:
    event = built(
        version, type="m.room.create", state_key="", room_id=None, prev_events=(), auth_events=(), depth=1
    )
    assert event.room_id == "!" + event.event_id[1:]
    assert "room_id" not in pdu.to_object(ROOM_VERSIONS[version], event)
    with pytest.raises(AssertionError):
        built(version, room_id=None)


@pytest.mark.parametrize("version", ALL)
def test_redactions_name_their_target_where_the_version_wants_it(version: str) -> None:
    target = reference_of(version)
    event = built(version, type="m.room.redaction", redacts=target, content={"reason": "r"})
    value = pdu.to_object(ROOM_VERSIONS[version], event)
    assert event.redacts == target
    assert ("redacts" in value) == (version in before(11))
    assert ("redacts" in event.content) == (version in since(11))


@pytest.mark.parametrize("redacts", [None, 1, "x", "$" + "a" * 300])
def test_malformed_redactions_redact_nothing(redacts: JsonValue) -> None:
    assert parse_changed("11", type="m.room.redaction", content={"redacts": redacts}).redacts is None
    assert parse_changed("10", type="m.room.redaction", redacts=redacts).redacts is None


def test_unsigned_is_dropped() -> None:
    event = parse_changed("11", unsigned={"age": 1, "membership": "join"})
    assert b"unsigned" not in event.pdu
    assert event.event_id == built("11").event_id


BAD: list[tuple[str, JsonValue]] = [
    ("type", None), ("type", 1), ("sender", None), ("sender", "alice"), ("sender", "@a"), ("sender", 1),
    ("state_key", None), ("state_key", 1), ("content", None), ("content", []), ("content", "x"),
    ("origin_server_ts", None), ("origin_server_ts", "1"), ("origin_server_ts", True), ("depth", None),
    ("depth", -1), ("depth", "1"), ("depth", False), ("hashes", None), ("hashes", {}), ("hashes", {"sha256": 1}),
    ("signatures", None), ("signatures", []), ("signatures", {"a": 1}), ("signatures", {"a": {"k": 1}}),
    ("prev_events", None), ("prev_events", {}), ("prev_events", [1]), ("prev_events", ["x"]),
    ("auth_events", None), ("auth_events", ["$"]), ("auth_events", [["$x:a.example"]]),
    ("room_id", None), ("room_id", 1), ("room_id", "x"),
]  # fmt: skip


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(("name", "value"), BAD)
def test_malformed_events_are_refused(version: str, name: str, value: JsonValue) -> None:
    with pytest.raises(BadJson):
        parse_changed(version, **{name: value})


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    "name",
    [
        "type",
        "sender",
        "content",
        "origin_server_ts",
        "depth",
        "hashes",
        "signatures",
        "prev_events",
        "auth_events",
        "room_id",
    ],
)
def test_missing_fields_are_refused(version: str, name: str) -> None:
    value = pdu.to_object(ROOM_VERSIONS[version], built(version))
    del value[name]
    with pytest.raises(BadJson):
        pdu.from_object(ROOM_VERSIONS[version], value)


@pytest.mark.parametrize("version", before(3))
@pytest.mark.parametrize("event_id", [None, 1, "x:a.example", "$x", "$" + "a" * 300 + ":a"])
def test_old_events_bring_their_id(version: str, event_id: JsonValue) -> None:
    with pytest.raises(BadJson):
        parse_changed(version, event_id=event_id)


@pytest.mark.parametrize("version", before(3))
def test_old_references_have_hashes(version: str) -> None:
    malformed: list[JsonValue] = ["$x:a.example", ["$x:a.example"], ["$x:a.example", "h"], [1, {}]]
    for reference in malformed:
        with pytest.raises(BadJson):
            parse_changed(version, prev_events=[reference])


@pytest.mark.parametrize("version", since(3))
def test_a_hash_has_one_spelling(version: str) -> None:
    good = reference_of(version)
    for other in (good[:-1] + "B", good + "A", good[:-1], "$x:a.example", good + "\n"):
        with pytest.raises(BadJson):
            parse_changed(version, prev_events=[other])
    assert parse_changed(version, prev_events=[good]).prev_events == (good,)


@pytest.mark.parametrize("version", ALL)
def test_counts_of_references(version: str) -> None:
    reference: JsonValue = reference_of(version)
    if version in before(3):
        reference = [reference, {"sha256": "hash"}]
    event = parse_changed(version, prev_events=[reference] * 20, auth_events=[reference] * 10)
    assert (len(event.prev_events), len(event.auth_events)) == (20, 10)
    with pytest.raises(BadJson):
        parse_changed(version, prev_events=[reference] * 21)
    with pytest.raises(BadJson):
        parse_changed(version, auth_events=[reference] * 11)


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("name", "fitting", "too_long"),
    [
        ("sender", "@" + "ä" * 122 + ":a.example", "@" + "ä" * 123 + ":a.example"),
        ("room_id", "!" + "ä" * 127, "!" + "ä" * 128),
    ],
)
def test_limits_are_in_bytes(version: str, name: str, fitting: str, too_long: str) -> None:
    assert getattr(parse_changed(version, **{name: fitting}), name) == fitting
    with pytest.raises(MatrixError):
        parse_changed(version, **{name: too_long})


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("name", ["type", "state_key"])
def test_too_many_bytes_are_read_but_known_and_not_written(version: str, name: str) -> None:
    assert not pdu.has_long_fields(parse_changed(version, **{name: "ä" * 127 + "a"}))
    assert pdu.has_long_fields(parse_changed(version, **{name: "ä" * 255}))
    with pytest.raises(TooLarge):
        parse_changed(version, **{name: "a" * 256})
    more = {"type": "m.x", "state_key": "", name: "ä" * 128}
    with pytest.raises(TooLarge):
        built(version, **more)


@pytest.mark.parametrize("version", ALL)
def test_the_whole_signed_event_is_measured(version: str) -> None:
    size = len(built(version, content={"body": ""}).pdu)
    fitting = "ä" * ((65_536 - size) // 2) + "a" * ((65_536 - size) % 2)
    assert len(built(version, content={"body": fitting}).pdu) == 65_536
    with pytest.raises(TooLarge):
        built(version, content={"body": fitting + "a"})
    with pytest.raises(TooLarge):
        pdu.parse(ROOM_VERSIONS[version], b" " * 140_000)


@pytest.mark.parametrize("version", since(6))
@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), 1e3])
def test_numbers_that_canonical_json_refuses(version: str, value: float) -> None:
    with pytest.raises(BadJson):
        built(version, content={"n": value})
    with pytest.raises(BadJson):
        parse_changed(version, depth=value)


@pytest.mark.parametrize("version", before(6))
def test_old_rooms_have_floats_and_big_integers(version: str) -> None:
    event = parse_changed(version, content={"n": 1e-5, "m": 2**80}, depth=2**63 - 1)
    assert event.depth == 2**63 - 1
    assert b'"m":1208925819614629174706176,"n":1e-05' in event.pdu
    for depth in (2**63, 2**70, 1.0):
        with pytest.raises(BadJson):
            parse_changed(version, depth=depth)


def test_depth_stops_at_the_limit() -> None:
    assert built("11", depth=2**60).depth == canonical_json.INTEGER_MAX


def test_events_of_another_room() -> None:
    with pytest.raises(BadJson):
        pdu.parse(ROOM_VERSIONS["11"], built("11").pdu, room_id=RoomID("!other:a.example"))


def test_required_signers() -> None:
    def signers(version: str, **content: JsonValue) -> set[str]:
        event = built(version, type="m.room.member", state_key=BOB, content=content)
        return set(pdu.required_signers(ROOM_VERSIONS[version], event))

    assert signers("11", membership="join") == {"a.example"}
    assert signers("11", membership="invite", third_party_invite={}) == set()
    assert signers("7", membership="join", join_authorised_via_users_server=BOB) == {"a.example"}
    assert signers("8", membership="join", join_authorised_via_users_server=BOB) == {"a.example", "b.example"}
    assert signers("8", membership="join", join_authorised_via_users_server=1) == {"a.example"}
    old = built("1", event_id=EventID("$x:c.example"))
    assert pdu.required_signers(ROOM_VERSIONS["1"], old) == {"a.example", "c.example"}
    message = built("8", content={"join_authorised_via_users_server": BOB})
    assert pdu.required_signers(ROOM_VERSIONS["8"], message) == {"a.example"}


def test_readers_never_raise() -> None:
    content: JsonObject = {"s": "t", "i": 1, "b": True, "o": {}, "l": []}
    readers = {"s": get_str, "i": get_int, "b": get_bool, "o": get_object, "l": get_list}
    for wanted, reader in readers.items():
        for name in [*content, "missing"]:
            assert reader(content, name) == (content[name] if name == wanted else None)


def test_state_has_a_key() -> None:
    assert built("11", state_key="").key == ("m.room.message", "")
    assert not built("11").is_state
    assert built("11", state_key="").is_state
    with pytest.raises(AssertionError):
        built("11").key  # noqa: B018
