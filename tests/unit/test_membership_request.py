"""What others submit is signed only when it is the one event that the request is about (CVE-2025-68667, CVE-2020-26257)."""

import random
from typing import Any

import pytest

from timserver.matrix import membership_request, pdu, signing
from timserver.matrix.errors import BadJson, InvalidParam
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.membership_request import Submitted
from timserver.matrix.pdu import PduTemplate
from timserver.matrix.room_versions import ROOM_VERSIONS, EventIdFormat

VERSIONS = ("1", "2", "6", "10", "11", "12")
ROOM = RoomID("!room:asking.example")
ALICE, BOB = UserID("@alice:asking.example"), UserID("@bob:here.example")
ASKING, HERE = ServerName("asking.example"), ServerName("here.example")
THEIR_KEY = signing.make_signing_key("ed25519:a", bytes(32))
OUR_KEY = signing.make_signing_key("ed25519:h", bytes(range(32)))


def event(identifier: str, **changes: Any) -> Event:
    version = ROOM_VERSIONS[identifier]
    given = version.event_id_format is EventIdFormat.GIVEN
    cited = EventID("$1:asking.example" if given else "$" + "B" * 42 + "A")
    values: dict[str, Any] = {
        "room_id": ROOM,
        "sender": ALICE,
        "type": "m.room.member",
        "state_key": BOB,
        "content": {"membership": "invite"},
        "prev_events": (cited,),
        "auth_events": (cited,),
        "depth": 4,
        "origin_server_ts": 1,
        "event_id": EventID("$own:asking.example") if given else None,
        "reference_hashes": {cited: "hash"} if given else {},
        **changes,
    }
    return pdu.build_and_sign(version, PduTemplate(**values), server_name=ASKING, signing_key=THEIR_KEY)


def submitted(of: Event, **changes: Any) -> Submitted:
    values = {"origin": ASKING, "room_id": ROOM, "event_id": of.event_id, "membership": "invite"}
    return Submitted(**{**values, **changes})


@pytest.mark.parametrize("identifier", VERSIONS)
def test_an_invite_is_what_the_request_says(identifier: str) -> None:
    invite = event(identifier)
    membership_request.check_invite(invite, submitted(invite), HERE)


@pytest.mark.parametrize(
    "changes",
    [
        {"content": {"membership": "leave"}},
        {"content": {"membership": "ban"}},
        {"content": {"membership": "join"}},
        {"content": {}},
        {"type": "m.room.power_levels"},
        {"type": "m.room.member", "state_key": None},
        {"state_key": "@carol:third.example"},
        {"state_key": "@alice:asking.example"},
        {"state_key": "bob"},
        {"state_key": ""},
        {"sender": "@alice:third.example"},
        {"sender": "@bob:here.example"},
        {"room_id": "!other:asking.example"},
    ],
    ids=str,
)
def test_e2_what_is_no_invite_of_ours_by_them_is_refused(changes: dict[str, Any]) -> None:
    for identifier in VERSIONS:
        other = event(identifier, **changes)
        with pytest.raises(InvalidParam):
            membership_request.check_invite(other, submitted(other), HERE)


def test_e3_path_and_body_agree() -> None:
    for identifier in VERSIONS:
        invite = event(identifier)
        for change in ({"event_id": EventID("$x")}, {"room_id": RoomID("!x:y")}, {"origin": ServerName("y")}):
            with pytest.raises(InvalidParam):
                membership_request.check_invite(invite, submitted(invite, **change), HERE)


@pytest.mark.parametrize("membership", ["join", "leave", "knock"])
def test_own_memberships_are_about_their_sender(membership: str) -> None:
    own = event("10", state_key=ALICE, content={"membership": membership})
    membership_request.check_own_membership(own, submitted(own, membership=membership))
    for changes in ({"state_key": BOB}, {"state_key": None}, {"type": "m.room.name"}):
        other = event("10", **{"state_key": ALICE, "content": {"membership": membership}, **changes})
        with pytest.raises(InvalidParam):
            membership_request.check_own_membership(other, submitted(other, membership=membership))
    with pytest.raises(InvalidParam):
        membership_request.check_own_membership(own, submitted(own, membership="invite"))


@pytest.mark.parametrize("identifier", VERSIONS)
def test_our_signature_comes_beside_theirs_and_changes_nothing_else(identifier: str) -> None:
    version, invite = ROOM_VERSIONS[identifier], event(identifier)
    signed = membership_request.co_signed(version, invite, HERE, OUR_KEY)
    assert signed.event_id == invite.event_id
    assert {**signed.signatures, HERE: {}} == {**invite.signatures, HERE: {}}
    value = pdu.to_object(version, signed)
    assert signing.verify_event(version, value, HERE, OUR_KEY.key_id, OUR_KEY.public_key)
    assert signing.verify_event(version, value, ASKING, THEIR_KEY.key_id, THEIR_KEY.public_key)
    assert {**value, "signatures": {}} == {**pdu.to_object(version, invite), "signatures": {}}


def test_of_an_answer_only_the_other_servers_signature_is_taken() -> None:
    version, ours = ROOM_VERSIONS["10"], event("10")
    answer: dict[str, Any] = {
        "type": "m.room.power_levels",
        "content": {"users": {}},
        "signatures": {
            HERE: {"ed25519:h": "theirs"},
            ASKING: {"ed25519:a": "forged"},
            "x": {"ed25519:1": "y"},
        },
    }
    merged = membership_request.with_signature_of(version, ours, answer, HERE)
    assert merged.signatures == {**ours.signatures, HERE: {"ed25519:h": "theirs"}}
    assert (merged.event_id, merged.content, merged.type) == (ours.event_id, ours.content, ours.type)


@pytest.mark.parametrize(
    "signatures",
    [None, {}, {HERE: {}}, {HERE: "x"}, {HERE: {"ed25519:h": 1}}, {HERE: {str(n): "x" for n in range(11)}}],
)
def test_an_answer_without_a_signature_in_order_is_refused(signatures: Any) -> None:
    with pytest.raises(BadJson):
        membership_request.with_signature_of(
            ROOM_VERSIONS["10"], event("10"), {"signatures": signatures}, HERE
        )


def test_s5_no_mutated_invite_passes() -> None:
    """A thousand of them, each with one to three fields changed; those that still pass are invites like the first."""
    source = random.Random(5)
    values: dict[str, list[Any]] = {
        "type": ["m.room.member", "m.room.power_levels", "m.room.create", ""],
        "state_key": [
            BOB,
            ALICE,
            "@x:third.example",
            "",
            None,
            "@BOB:HERE.example",
            "@bob:here.example:8448",
        ],
        "sender": [ALICE, BOB, "@alice:asking.example.evil", "@alice:third.example"],
        "room_id": [ROOM, "!other:asking.example", "!room:here.example"],
        "content": [
            {"membership": text} for text in ("invite", "join", "leave", "ban", "knock", "INVITE", "")
        ],
    }
    passed = 0
    for _ in range(1_000):
        names = source.sample(list(values), source.randint(1, 3))
        changes = {name: source.choice(values[name]) for name in names}
        mutated = event(source.choice(VERSIONS), **changes)
        try:
            membership_request.check_invite(mutated, submitted(mutated), HERE)
        except InvalidParam:
            continue
        passed += 1
        assert (mutated.type, mutated.state_key, mutated.sender) == ("m.room.member", BOB, ALICE)
        assert (mutated.room_id, mutated.membership) == (ROOM, "invite")
    assert passed < 200
