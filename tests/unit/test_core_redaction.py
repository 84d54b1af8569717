"""What redaction leaves, by event type and room version."""

import pytest

from tests.support.rooms import ALL, before, since
from timserver.core import engine, sealing
from timserver.matrix import canonical_json
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.redaction import redact, redact_content
from timserver.matrix.room_versions import ROOM_VERSIONS


def redacted_by_engine(version: str, pdu: JsonObject) -> JsonObject:
    """What a signature must cover: the redacted event without its signatures."""
    rules = sealing.rules(ROOM_VERSIONS[version])
    event = {"event_id": "$x:a.example", "hashes": {"sha256": "x"}, "signatures": {}, **pdu}
    signed = engine.open_event(canonical_json.encode(event, strict=True), rules)[3]
    return canonical_json.decode_object(signed, strict=True)


POWER_LEVELS = [
    "ban",
    "events",
    "events_default",
    "kick",
    "redact",
    "state_default",
    "users",
    "users_default",
]

# event type -> content key -> versions that keep it
KEPT: dict[str, dict[str, tuple[str, ...]]] = {
    "m.room.message": {"body": (), "membership": (), "creator": ()},
    "m.room.member": {
        "membership": ALL,
        "join_authorised_via_users_server": since(9),
        "displayname": (),
        "third_party_invite": (),
    },
    "m.room.create": {"creator": ALL, "room_version": since(11), "m.federate": since(11), "x": since(11)},
    "m.room.join_rules": {"join_rule": ALL, "allow": since(8), "x": ()},
    "m.room.power_levels": {
        **dict.fromkeys(POWER_LEVELS, ALL),
        "invite": since(11),
        "notifications": (),
    },
    "m.room.aliases": {"aliases": before(6), "x": ()},
    "m.room.history_visibility": {"history_visibility": ALL, "x": ()},
    "m.room.redaction": {"redacts": since(11), "reason": ()},
}
CASES = [
    (event_type, key, version, version in versions)
    for event_type, keys in KEPT.items()
    for key, versions in keys.items()
    for version in ALL
]


@pytest.mark.parametrize(("event_type", "key", "version", "kept"), CASES)
def test_content(event_type: str, key: str, version: str, kept: bool) -> None:
    values: list[JsonValue] = [1, [1]] if key == "third_party_invite" else [1, [1], {"signed": 1, "x": 2}]
    for value in values:
        redacted = redact_content(ROOM_VERSIONS[version], event_type, {key: value})
        assert redacted == ({key: value} if kept else {})
        event: JsonObject = {"type": event_type, "content": {key: value}}
        assert redact(ROOM_VERSIONS[version], event)["content"] == redacted
        assert redacted_by_engine(version, event)["content"] == redacted


@pytest.mark.parametrize("version", ALL)
def test_signed_part_of_a_third_party_invite(version: str) -> None:
    content: JsonObject = {"third_party_invite": {"signed": {"token": "t"}, "display_name": "Bob"}}
    redacted = redact_content(ROOM_VERSIONS[version], "m.room.member", content)
    assert redacted == ({"third_party_invite": {"signed": {"token": "t"}}} if version in since(11) else {})
    unsigned: JsonObject = {"third_party_invite": {"display_name": "Bob"}}
    redacted = redact_content(ROOM_VERSIONS[version], "m.room.member", unsigned)
    assert redacted == ({"third_party_invite": {}} if version in since(11) else {})
    signed: JsonObject = {"third_party_invite": {"signed": 1, "x": {"signed": 1}}}
    for invite in (content, unsigned, signed, {"third_party_invite": 1}):
        event: JsonObject = {"type": "m.room.member", "content": invite}
        by_engine = redacted_by_engine(version, event)
        assert by_engine["content"] == redact(ROOM_VERSIONS[version], event)["content"]


ALWAYS = [
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
]


@pytest.mark.parametrize("version", ALL)
def test_top_level(version: str) -> None:
    dropped = ["unsigned", "redacts", "age", "replaces_state", "x"]
    old = ["origin", "membership", "prev_state"]
    pdu: JsonObject = {**dict.fromkeys([*ALWAYS, *old, *dropped], "v"), "content": {"x": 1}}
    redacted = redact(ROOM_VERSIONS[version], pdu)
    assert set(redacted) == {*ALWAYS, "content", *(old if version in before(11) else [])}
    assert redacted["content"] == {}
    assert redact(ROOM_VERSIONS[version], redacted) == redacted
    assert redacted_by_engine(version, pdu).keys() == redacted.keys() - {"signatures"}


@pytest.mark.parametrize("version", ALL)
def test_malformed_events_are_redacted_all_the_same(version: str) -> None:
    assert redact(ROOM_VERSIONS[version], {}) == {"content": {}}
    assert redact(ROOM_VERSIONS[version], {"content": 1, "type": "m.room.create"})["content"] == {}
    assert redact(ROOM_VERSIONS[version], {"content": {"creator": 1}, "type": 1})["content"] == {}
