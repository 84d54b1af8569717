"""Rule 5.4.1: invitations by third-party identifier."""

import pytest

from tests.support.rooms import ALICE, ALL, BOB, CAROL, Room
from timserver.matrix import canonical_json, signing
from timserver.matrix.event import Event
from timserver.matrix.json_types import JsonObject, JsonValue

every_version = pytest.mark.parametrize("version", ALL)
KEY = signing.make_signing_key("ed25519:0", bytes(range(32)))
OTHER = signing.make_signing_key("ed25519:0", bytes(32))
PUBLIC = signing.encode_base64(KEY.public_key)
SIGNED = signing.sign_object(KEY, "identity.example", {"mxid": BOB, "token": "token"})


def room_with(version: str, content: JsonObject) -> Room:
    room = Room(version).joined(ALICE, CAROL)
    room.accept(room.event(ALICE, "m.room.third_party_invite", content, state_key="token"))
    return room


def invite(room: Room, signed: JsonValue = SIGNED, *, sender: str = ALICE, **more: JsonValue) -> Event:
    return room.member(sender, BOB, "invite", third_party_invite={"signed": signed, **more})


@every_version
def test_5_4_1_7_signed_by_the_public_key(version: str) -> None:
    room = room_with(version, {"public_key": PUBLIC})
    assert room.verdict(invite(room)) is None


@every_version
def test_5_4_1_7_signed_by_one_of_the_public_keys(version: str) -> None:
    other: JsonObject = {"public_key": signing.encode_base64(OTHER.public_key)}
    room = room_with(
        version, {"public_key": "?", "public_keys": [1, {}, {"public_key": 1}, other, {"public_key": PUBLIC}]}
    )
    assert room.verdict(invite(room)) is None


@every_version
def test_5_4_1_invite_needs_no_membership_or_level(version: str) -> None:
    room = room_with(version, {"public_key": PUBLIC}).with_member(ALICE, "leave").with_levels(invite=99)
    assert room.verdict(invite(room)) is None


@every_version
def test_5_4_1_1_target_is_banned(version: str) -> None:
    room = room_with(version, {"public_key": PUBLIC}).with_member(BOB, "ban")
    assert room.verdict(invite(room)) == "member.third_party_invite_of_banned"


@every_version
@pytest.mark.parametrize("value", [None, 1, {}, {"signed": None}, {"signed": []}])
def test_5_4_1_2_nothing_signed(version: str, value: JsonValue) -> None:
    room = room_with(version, {"public_key": PUBLIC})
    event = room.member(ALICE, BOB, "invite", third_party_invite=value)
    assert room.verdict(event) == "member.third_party_invite_not_signed"


@every_version
@pytest.mark.parametrize("name", ["mxid", "token"])
@pytest.mark.parametrize("value", [None, 1])
def test_5_4_1_3_no_mxid_or_token(version: str, name: str, value: JsonValue) -> None:
    room = room_with(version, {"public_key": PUBLIC})
    assert room.verdict(invite(room, {**SIGNED, name: value})) == "member.third_party_invite_incomplete"


@every_version
def test_5_4_1_4_another_user(version: str) -> None:
    room = room_with(version, {"public_key": PUBLIC})
    event = invite(room, {**SIGNED, "mxid": CAROL})
    assert room.verdict(event) == "member.third_party_invite_of_other_user"


@every_version
def test_5_4_1_5_unknown_token(version: str) -> None:
    room = room_with(version, {"public_key": PUBLIC})
    event = invite(room, {**SIGNED, "token": "other"})
    assert room.verdict(event) == "member.third_party_invite_unknown_token"


@every_version
def test_5_4_1_6_another_sender(version: str) -> None:
    room = room_with(version, {"public_key": PUBLIC})
    assert room.verdict(invite(room, sender=CAROL)) == "member.third_party_invite_sender"


SIGNATURES: list[JsonValue] = [
    None, 1, {}, {"identity.example": 1}, {"identity.example": {}}, {"identity.example": {"ed25519:0": 1}},
    {"identity.example": {"ed25519:0": "AAAA"}}, {"identity.example": {"rsa:0": "AAAA"}},
]  # fmt: skip


@every_version
@pytest.mark.parametrize("signatures", SIGNATURES)
def test_5_4_1_8_not_signed_by_it(version: str, signatures: JsonValue) -> None:
    room = room_with(version, {"public_key": PUBLIC})
    event = invite(room, {**SIGNED, "signatures": signatures})
    assert room.verdict(event) == "member.third_party_invite_signature"


@every_version
@pytest.mark.parametrize("content", [{}, {"public_key": 1}, {"public_keys": 1}, {"public_key": "AAAA"}])
def test_5_4_1_8_no_usable_key(version: str, content: JsonObject) -> None:
    room = room_with(version, content)
    assert room.verdict(invite(room)) == "member.third_party_invite_signature"


@every_version
def test_5_4_1_8_changed_after_signing(version: str) -> None:
    room = room_with(version, {"public_key": PUBLIC})
    for more in ({"x": 1}, {"x": 1.5}):
        assert room.verdict(invite(room, {**SIGNED, **more})) == "member.third_party_invite_signature"


@every_version
@pytest.mark.parametrize("value", [1.5, [1, 1.5], {"a": [1.5]}, 2**60, [2**60]])
def test_5_4_1_8_what_has_no_canonical_form_cannot_be_signed(version: str, value: JsonValue) -> None:
    room = room_with(version, {"public_key": PUBLIC})
    unsigned: JsonObject = {"mxid": BOB, "token": "token", "x": value}
    signature = signing.sign(KEY, canonical_json.encode(unsigned, strict=False))
    signatures: JsonObject = {"identity.example": {KEY.key_id: signing.encode_base64(signature)}}
    event = invite(room, {**unsigned, "signatures": signatures})
    assert room.verdict(event) == "member.third_party_invite_signature"
