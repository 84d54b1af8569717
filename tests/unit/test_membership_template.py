"""A template is read for its values: what is signed is what was wanted, or nothing (CVE-2026-24471)."""

from collections.abc import Mapping
from typing import Any

import pytest

from timserver.matrix import membership_template, pdu, signing
from timserver.matrix.errors import BadJson
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.membership_template import GRANTED_BY, Wanted
from timserver.matrix.pdu import PduTemplate
from timserver.matrix.room_versions import ROOM_VERSIONS, EventIdFormat, RoomVersion

VERSIONS = ("1", "2", "6", "10", "11", "12")
ROOM = RoomID("!room:resident.example")
BOB = UserID("@bob:joining.example")
RESIDENT, JOINING = ServerName("resident.example"), ServerName("joining.example")
KEY = signing.make_signing_key("ed25519:1", bytes(32))


def wanted(**changes: Any) -> Wanted:
    values = {
        "room_id": ROOM,
        "user_id": BOB,
        "membership": "join",
        "content": {"displayname": "Bob"},
        "resident": RESIDENT,
    }
    return Wanted(**{**values, **changes})


def event_id(version: RoomVersion, number: int) -> str:
    if version.event_id_format is EventIdFormat.GIVEN:
        return f"${number}:resident.example"
    return "$" + str(number) * 42 + "A"


def reference(version: RoomVersion, number: int) -> Any:
    if version.event_id_format is EventIdFormat.GIVEN:
        return [event_id(version, number), {"sha256": "hash"}]
    return event_id(version, number)


def template(version: RoomVersion, **changes: Any) -> dict[str, Any]:
    return {
        "room_id": ROOM,
        "sender": BOB,
        "state_key": BOB,
        "type": "m.room.member",
        "content": {"membership": "join"},
        "prev_events": [reference(version, 1)],
        "auth_events": [reference(version, 2), reference(version, 3)],
        "depth": 7,
        "origin": RESIDENT,
        "origin_server_ts": 1,
        **changes,
    }


def read(version: RoomVersion, answer: Mapping[str, Any], **changes: Any) -> PduTemplate:
    given = EventID("$own:joining.example") if version.event_id_format is EventIdFormat.GIVEN else None
    return membership_template.read_template(
        version, wanted(**changes), answer, origin_server_ts=1_000, event_id=given
    )


@pytest.mark.parametrize("identifier", VERSIONS)
def test_the_event_is_ours_and_follows_what_the_resident_says(identifier: str) -> None:
    version = ROOM_VERSIONS[identifier]
    built = read(version, template(version))
    event = pdu.build_and_sign(version, built, server_name=JOINING, signing_key=KEY)
    assert event.content == {"membership": "join", "displayname": "Bob"}
    assert (event.sender, event.state_key, event.type, event.room_id) == (BOB, BOB, "m.room.member", ROOM)
    assert event.prev_events == (event_id(version, 1),)
    assert event.auth_events == (event_id(version, 2), event_id(version, 3))
    assert (event.depth, event.origin_server_ts) == (7, 1_000)


@pytest.mark.parametrize("identifier", VERSIONS)
def test_e2_nothing_else_of_the_template_gets_into_the_event(identifier: str) -> None:
    version = ROOM_VERSIONS[identifier]
    answer = template(
        version,
        content={"membership": "join", "displayname": "Mallory", "third_party_invite": {}, "x": 1},
        hashes={"sha256": "forged"},
        signatures={JOINING: {"ed25519:1": "forged"}},
        unsigned={"x": 1},
        redacts="$x",
        x=1,
    )
    built = read(version, answer)
    event = pdu.build_and_sign(version, built, server_name=JOINING, signing_key=KEY)
    told = pdu.to_object(version, event)
    allowed = {
        "auth_events", "content", "depth", "hashes", "origin_server_ts", "prev_events", "room_id", "sender",
        "signatures", "state_key", "type",
    }  # fmt: skip
    assert set(told) - {"event_id"} == allowed
    assert told["content"] == {"membership": "join", "displayname": "Bob"}
    assert told["origin_server_ts"] == 1_000


@pytest.mark.parametrize(
    "change",
    [
        {"type": "m.room.power_levels"},
        {"type": None},
        {"sender": "@alice:joining.example"},
        {"state_key": "@alice:joining.example"},
        {"state_key": ""},
        {"room_id": "!other:resident.example"},
        {"content": {"membership": "leave"}},
        {"content": {"membership": "ban"}},
        {"content": {}},
        {"content": []},
        {"prev_events": []},
        {"auth_events": []},
        {"prev_events": None},
        {"prev_events": [1]},
        {"prev_events": ["$" + "A" * 43] * 21},
        {"auth_events": [{"event_id": "$x"}]},
        {"depth": -1},
        {"depth": 2**53},
        {"depth": 1.5},
        {"depth": True},
        {"depth": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("identifier", VERSIONS)
def test_e2_a_template_of_another_event_is_not_signed(identifier: str, change: dict[str, Any]) -> None:
    version = ROOM_VERSIONS[identifier]
    with pytest.raises(BadJson):
        read(version, template(version, **change))


@pytest.mark.parametrize("membership", ["join", "leave", "knock"])
def test_the_membership_is_the_one_that_was_asked_for(membership: str) -> None:
    version = ROOM_VERSIONS["10"]
    for answered in ("join", "leave", "knock", "invite", "ban"):
        answer = template(version, content={"membership": answered})
        if answered == membership:
            assert read(version, answer, membership=membership).content["membership"] == membership
        else:
            with pytest.raises(BadJson):
                read(version, answer, membership=membership)


def test_only_a_user_of_the_resident_server_grants_a_restricted_join() -> None:
    version = ROOM_VERSIONS["8"]

    def granted(user_id: Any, **changes: Any) -> Any:
        membership = changes.get("membership", "join")
        content = {"membership": membership, GRANTED_BY: user_id}
        return read(version, template(version, content=content), **changes).content.get(GRANTED_BY)

    assert granted("@alice:resident.example") == "@alice:resident.example"
    for stranger in ("@alice:third.example", "@bob:joining.example", "alice", "", None, 1, {"x": 1}):
        with pytest.raises(BadJson):
            granted(stranger)
    assert granted("@alice:resident.example", membership="leave") is None


def test_before_version_8_nobody_grants_a_join() -> None:
    version = ROOM_VERSIONS["7"]
    content = {"membership": "join", GRANTED_BY: "@alice:resident.example"}
    assert read(version, template(version, content=content)).content == {
        "membership": "join",
        "displayname": "Bob",
    }


def test_own_content_does_not_change_the_membership() -> None:
    version = ROOM_VERSIONS["10"]
    built = read(version, template(version), content={"membership": "ban", GRANTED_BY: "@x:y.example"})
    assert built.content["membership"] == "join"


@pytest.mark.parametrize("identifier", VERSIONS)
def test_our_own_template_can_be_read_by_the_other_side(identifier: str) -> None:
    version = ROOM_VERSIONS[identifier]
    ours = read(version, template(version))
    sent = membership_template.to_send(version, ours, RESIDENT)
    assert "event_id" not in sent
    assert sent["origin"] == RESIDENT
    again = read(version, sent)
    assert (again.prev_events, again.auth_events, again.depth) == (
        ours.prev_events,
        ours.auth_events,
        ours.depth,
    )
    assert again.reference_hashes == ours.reference_hashes
