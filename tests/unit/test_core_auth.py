"""One test per numbered rule, by the numbers of room version 12, for all versions that have the rule."""

import msgspec
import pytest

from tests.support.rooms import ALICE, ALL, BOB, CAROL, Room, before, since
from timserver import core
from timserver.matrix import pdu
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID, UserID

every_version = pytest.mark.parametrize("version", ALL)


def from_version(first: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("version", since(first))


def before_version(first: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("version", before(first))


def create_of(version: str, **content: object) -> tuple[Room, Event]:
    room = Room(version, content)  # type: ignore[arg-type]
    return room, room.state["m.room.create", ""]


# 1. m.room.create


@every_version
def test_1_create_is_allowed(version: str) -> None:
    room, create = create_of(version)
    assert room.verdict(create) is None


@every_version
def test_1_1_create_with_prev_events(version: str) -> None:
    room, create = create_of(version)
    create = msgspec.structs.replace(create, prev_events=(EventID("$x:a.example"),))
    assert room.verdict(create) == "create.prev_events"


@from_version(12)
def test_1_2_create_with_room_id(version: str) -> None:
    room, create = create_of(version)
    assert room.verdict(msgspec.structs.replace(create, room_id=RoomID("!other"))) == "create.room_id"


@before_version(12)
def test_1_2_create_in_a_room_of_another_domain(version: str) -> None:
    room, create = create_of(version)
    create = msgspec.structs.replace(create, room_id=RoomID("!room:b.example"))
    assert room.verdict(create) == "create.room_id_domain"


@before_version(12)
def test_1_2_a_domain_has_its_port(version: str) -> None:
    room, create = create_of(version)
    sender = UserID("@alice:a.example:8448")
    create = msgspec.structs.replace(create, sender=sender, room_id=RoomID("!room:a.example:8448"))
    assert room.verdict(create) is None
    for domain in ("a.example", "8448", "b.example:8448", "a.example:8449"):
        elsewhere = msgspec.structs.replace(create, room_id=RoomID(f"!room:{domain}"))
        assert room.verdict(elsewhere) == "create.room_id_domain"


@every_version
@pytest.mark.parametrize("room_version", ["99", 1, None])
def test_1_3_create_of_unknown_version(version: str, room_version: object) -> None:
    room, create = create_of(version, room_version=room_version)
    assert room.verdict(create) == "create.room_version"


@before_version(11)
def test_1_4_create_without_creator(version: str) -> None:
    room, create = create_of(version)
    create = msgspec.structs.replace(create, content={})
    assert room.verdict(create) == "create.no_creator"


@from_version(11)
def test_1_4_create_needs_no_creator_any_more(version: str) -> None:
    room, create = create_of(version)
    assert room.verdict(msgspec.structs.replace(create, content={})) is None


@from_version(12)
@pytest.mark.parametrize("additional", ["@bob:b.example", {}, None, [1], ["bob"], [BOB, "@x"]])
def test_1_4_malformed_additional_creators(version: str, additional: object) -> None:
    room, create = create_of(version, additional_creators=additional)
    assert room.verdict(create) == "create.additional_creators"


@every_version
def test_1_5_additional_creators_are_free_before_version_12(version: str) -> None:
    room, create = create_of(version, additional_creators=[BOB])
    assert room.verdict(create) is None


# 2. The room


@every_version
def test_2_room_without_create_event(version: str) -> None:
    room = Room(version)
    message = room.event(ALICE, "m.room.message")
    rejected = core.check_auth(room.version, message, {})
    assert rejected == core.Rejected("room.no_create", "2")


@every_version
def test_2_rejected_create_event(version: str) -> None:
    room = Room(version).joined(ALICE)
    create = room.state["m.room.create", ""]
    room.state["m.room.create", ""] = msgspec.structs.replace(create, rejected=True)
    assert room.verdict(room.event(ALICE, "m.room.message")) == "room.no_create"


@every_version
def test_2_create_event_of_another_room(version: str) -> None:
    room = Room(version).joined(ALICE)
    message = msgspec.structs.replace(room.event(ALICE, "m.room.message"), room_id=RoomID("!x:a.example"))
    assert room.verdict(message) == "room.no_create"


# 3. The events named as auth events


def auth_events_of(room: Room, event: Event) -> list[Event]:
    keys = core.auth_keys(room.version, event.type, event.sender, event.state_key, event.content)
    return [room.state[key] for key in keys if key in room.state]


@every_version
def test_3_the_selected_events_are_right(version: str) -> None:
    room = Room(version).joined(ALICE).with_levels(users={})
    message = room.event(ALICE, "m.room.message")
    assert core.check_auth_events(room.version, message, auth_events_of(room, message)) is None


@every_version
def test_3_create_is_judged_by_rule_1_alone(version: str) -> None:
    room, create = create_of(version)
    assert core.check_auth_events(room.version, create, []) is None


@every_version
def test_3_1_duplicates(version: str) -> None:
    room = Room(version).joined(ALICE)
    message = room.event(ALICE, "m.room.message")
    auth_events = [*auth_events_of(room, message), room.member(ALICE, ALICE, "join")]
    rejected = core.check_auth_events(room.version, message, auth_events)
    assert rejected == core.Rejected("auth_events.duplicate", "3.1")


@every_version
def test_3_2_not_selected(version: str) -> None:
    room = Room(version).joined(ALICE, BOB)
    message = room.event(ALICE, "m.room.message")
    for extra in (room.state["m.room.member", BOB], room.event(ALICE, "m.room.message")):
        auth_events = [*auth_events_of(room, message), extra]
        rejected = core.check_auth_events(room.version, message, auth_events)
        assert rejected == core.Rejected("auth_events.not_selected", "3.2")


@from_version(12)
def test_3_2_create_is_not_selected(version: str) -> None:
    room = Room(version).joined(ALICE)
    message = room.event(ALICE, "m.room.message")
    auth_events = [room.state["m.room.create", ""], *auth_events_of(room, message)]
    rejected = core.check_auth_events(room.version, message, auth_events)
    assert rejected == core.Rejected("auth_events.not_selected", "3.2")


@every_version
def test_3_3_rejected_auth_events(version: str) -> None:
    room = Room(version).joined(ALICE)
    member = room.state["m.room.member", ALICE]
    room.state["m.room.member", ALICE] = msgspec.structs.replace(member, rejected=True)
    message = room.event(ALICE, "m.room.message")
    rejected = core.check_auth_events(room.version, message, auth_events_of(room, message))
    assert rejected == core.Rejected("auth_events.rejected", "3.3")


@before_version(12)
def test_3_4_no_create_among_them(version: str) -> None:
    room = Room(version).joined(ALICE)
    message = room.event(ALICE, "m.room.message")
    rejected = core.check_auth_events(room.version, message, [room.state["m.room.member", ALICE]])
    assert rejected == core.Rejected("auth_events.no_create", "v11.2.4")


@every_version
def test_3_5_of_another_room(version: str) -> None:
    room = Room(version).joined(ALICE)
    member = room.state["m.room.member", ALICE]
    room.state["m.room.member", ALICE] = msgspec.structs.replace(member, room_id=RoomID("!x:a.example"))
    message = room.event(ALICE, "m.room.message")
    rejected = core.check_auth_events(room.version, message, auth_events_of(room, message))
    assert rejected == core.Rejected("auth_events.other_room", "3.5")


# 4. m.federate, and m.room.aliases


@every_version
def test_4_rooms_that_do_not_federate(version: str) -> None:
    room = Room(version, {"m.federate": False}).with_join_rule("public").joined(ALICE)
    assert room.verdict(room.member(BOB, BOB, "join")) == "room.not_federated"
    dora = UserID("@dora:a.example")
    assert room.verdict(room.member(dora, dora, "join")) is None


@before_version(6)
def test_v1_4_aliases(version: str) -> None:
    room = Room(version)
    alias = room.event(BOB, "m.room.aliases", state_key="b.example")
    assert room.verdict(alias) is None
    assert room.verdict(room.event(BOB, "m.room.aliases")) == "aliases.no_state_key"
    other = room.event(BOB, "m.room.aliases", state_key="c.example")
    assert room.verdict(other) == "aliases.other_server"


@from_version(6)
def test_v1_4_aliases_are_ordinary_state_later(version: str) -> None:
    room = Room(version).joined(ALICE)
    alias = room.event(BOB, "m.room.aliases", state_key="b.example")
    assert room.verdict(alias) == "sender.not_joined"


# 5. m.room.member


@every_version
def test_5_1_state_key_and_membership(version: str) -> None:
    room = Room(version)
    without_key = room.event(ALICE, "m.room.member", {"membership": "join"})
    assert room.verdict(without_key) == "member.no_state_key"
    without_membership = room.event(ALICE, "m.room.member", {}, state_key=ALICE)
    assert room.verdict(without_membership) == "member.no_membership"


@from_version(8)
def test_5_2_signature_of_the_authorising_server(version: str) -> None:
    room = Room(version).joined(ALICE).with_join_rule("public")
    unsigned = room.member(BOB, BOB, "join", join_authorised_via_users_server=ALICE)
    assert room.verdict(unsigned) == "member.not_signed_by_authorising_server"
    nonsense = room.member(BOB, BOB, "join", join_authorised_via_users_server=7)
    assert room.verdict(nonsense) == "member.not_signed_by_authorising_server"
    empty = msgspec.structs.replace(unsigned, signatures={"a.example": {}})
    assert room.verdict(empty) == "member.not_signed_by_authorising_server"
    signed = room.member(BOB, BOB, "join", join_authorised_via_users_server=ALICE, signed_by=("a.example",))
    assert room.verdict(signed) is None
    for server, name in (("d:8448", None), ("8448", "member.not_signed_by_authorising_server")):
        signed = room.member(
            BOB, BOB, "join", join_authorised_via_users_server="@d:d:8448", signed_by=(server,)
        )
        assert room.verdict(signed) == name  # a port belongs to the name


@before_version(8)
def test_5_2_means_nothing_before_version_8(version: str) -> None:
    room = Room(version).joined(ALICE).with_join_rule("public")
    assert room.verdict(room.member(BOB, BOB, "join", join_authorised_via_users_server=ALICE)) is None


@every_version
def test_5_3_1_creator_joins_first(version: str) -> None:
    room = Room(version)
    assert room.verdict(room.member(ALICE, ALICE, "join")) is None
    assert room.verdict(room.member(BOB, BOB, "join")) == "member.join_without_invite"
    room.accept(room.event(ALICE, "m.room.topic", state_key=""))
    assert room.verdict(room.member(ALICE, ALICE, "join")) == "member.join_without_invite"


@before_version(11)
def test_5_3_1_creator_is_who_the_content_names(version: str) -> None:
    room = Room(version, {"creator": BOB})
    assert room.verdict(room.member(BOB, BOB, "join")) is None
    assert room.verdict(room.member(ALICE, ALICE, "join")) == "member.join_without_invite"


@from_version(11)
def test_5_3_1_creator_is_the_sender(version: str) -> None:
    room = Room(version, {"creator": BOB})
    assert room.verdict(room.member(ALICE, ALICE, "join")) is None
    assert room.verdict(room.member(BOB, BOB, "join")) == "member.join_without_invite"


@every_version
def test_5_3_2_join_of_another(version: str) -> None:
    room = Room(version).joined(ALICE).with_join_rule("public")
    assert room.verdict(room.member(ALICE, BOB, "join")) == "member.join_of_other_user"


@every_version
def test_5_3_3_join_while_banned(version: str) -> None:
    room = Room(version).joined(ALICE).with_join_rule("public").with_member(BOB, "ban")
    assert room.verdict(room.member(BOB, BOB, "join")) == "member.join_while_banned"


@every_version
@pytest.mark.parametrize("membership", ["invite", "join"])
def test_5_3_4_join_by_invitation(version: str, membership: str) -> None:
    room = Room(version).joined(ALICE)
    room.with_join_rule("invite")
    assert room.verdict(room.member(BOB, BOB, "join")) == "member.join_without_invite"
    room.with_member(BOB, membership)
    assert room.verdict(room.member(BOB, BOB, "join")) is None


@every_version
def test_5_3_4_without_join_rules_an_invitation_is_needed(version: str) -> None:
    room = Room(version).joined(ALICE)
    assert room.verdict(room.member(BOB, BOB, "join")) == "member.join_without_invite"


@every_version
def test_5_3_4_join_rule_knock(version: str) -> None:
    room = Room(version).joined(ALICE).with_join_rule("knock")
    known = version in since(7)
    expected = "member.join_without_invite" if known else "member.join_rule"
    assert room.verdict(room.member(BOB, BOB, "join")) == expected
    room.with_member(BOB, "invite")
    assert room.verdict(room.member(BOB, BOB, "join")) == (None if known else "member.join_rule")


def restricted_join(room: Room, authorised_by: object) -> Event:
    return room.member(
        BOB, BOB, "join", join_authorised_via_users_server=authorised_by, signed_by=("a.example", "c.example")
    )


RESTRICTED = [("restricted", version) for version in since(8)] + [
    ("knock_restricted", version) for version in since(10)
]


@pytest.mark.parametrize(("join_rule", "version"), RESTRICTED)
def test_5_3_5_restricted_join(join_rule: str, version: str) -> None:
    room = Room(version).joined(ALICE).with_join_rule(join_rule)
    assert room.verdict(room.member(BOB, BOB, "join")) == "member.join_not_authorised"
    assert room.verdict(restricted_join(room, ALICE)) is None
    # carol is not in the room
    assert room.verdict(restricted_join(room, CAROL)) == "member.join_not_authorised"
    # carol is, but may not invite
    room.joined(CAROL).with_levels(invite=50, users={CAROL: 49})
    assert room.verdict(restricted_join(room, CAROL)) == "member.join_not_authorised"
    room.with_member(BOB, "invite")
    assert room.verdict(room.member(BOB, BOB, "join")) is None


@pytest.mark.parametrize(
    ("join_rule", "version"),
    [("restricted", version) for version in before(8)]
    + [("knock_restricted", version) for version in before(10)]
    + [("private", version) for version in ALL]
    + [(1, version) for version in ALL],
)
def test_5_3_7_unknown_join_rules(join_rule: object, version: str) -> None:
    room = Room(version).joined(ALICE).with_join_rule(join_rule).with_member(BOB, "invite")
    assert room.verdict(room.member(BOB, BOB, "join")) == "member.join_rule"


@every_version
def test_5_3_6_public(version: str) -> None:
    room = Room(version).joined(ALICE).with_join_rule("public")
    assert room.verdict(room.member(BOB, BOB, "join")) is None


@every_version
def test_5_4_2_invite_by_non_member(version: str) -> None:
    room = Room(version).joined(ALICE)
    assert room.verdict(room.member(BOB, CAROL, "invite")) == "member.invite_by_non_member"


@every_version
@pytest.mark.parametrize("membership", ["join", "ban"])
def test_5_4_3_invite_of_member_or_banned(version: str, membership: str) -> None:
    room = Room(version).joined(ALICE).with_member(BOB, membership)
    assert room.verdict(room.member(ALICE, BOB, "invite")) == "member.invite_of_member_or_banned"


@every_version
def test_5_4_4_invite_level(version: str) -> None:
    room = Room(version).joined(ALICE, BOB)
    assert room.verdict(room.member(BOB, CAROL, "invite")) is None
    room.with_levels(invite=50, users={BOB: 49})
    assert room.verdict(room.member(BOB, CAROL, "invite")) == "member.invite_level"
    room.with_levels(invite=50, users={BOB: 50})
    assert room.verdict(room.member(BOB, CAROL, "invite")) is None


@every_version
@pytest.mark.parametrize("membership", ["invite", "join"])
def test_5_5_1_own_leave(version: str, membership: str) -> None:
    room = Room(version).joined(ALICE)
    assert room.verdict(room.member(BOB, BOB, "leave")) == "member.leave_without_membership"
    room.with_member(BOB, "ban")
    assert room.verdict(room.member(BOB, BOB, "leave")) == "member.leave_without_membership"
    room.with_member(BOB, membership)
    assert room.verdict(room.member(BOB, BOB, "leave")) is None


@every_version
def test_5_5_1_taking_back_a_knock(version: str) -> None:
    room = Room(version).joined(ALICE).with_member(BOB, "knock")
    expected = None if version in since(7) else "member.leave_without_membership"
    assert room.verdict(room.member(BOB, BOB, "leave")) == expected


@every_version
def test_5_5_2_kick_by_non_member(version: str) -> None:
    room = Room(version).joined(ALICE)
    assert room.verdict(room.member(BOB, ALICE, "leave")) == "member.kick_by_non_member"


@every_version
def test_5_5_3_unban(version: str) -> None:
    room = Room(version).joined(ALICE, BOB).with_member(CAROL, "ban")
    room.with_levels(ban=60, kick=50, users={BOB: 59})
    assert room.verdict(room.member(BOB, CAROL, "leave")) == "member.unban_level"
    room.with_levels(ban=60, kick=50, users={BOB: 60})
    assert room.verdict(room.member(BOB, CAROL, "leave")) is None
    room.with_levels(ban=60, kick=70, users={BOB: 60})
    assert room.verdict(room.member(BOB, CAROL, "leave")) == "member.kick_level"


@every_version
@pytest.mark.parametrize(
    ("bob", "carol", "expected"),
    [(50, 0, None), (50, 49, None), (50, 50, "member.kick_level"), (49, 0, "member.kick_level")],
)
def test_5_5_4_kick(version: str, bob: int, carol: int, expected: str | None) -> None:
    room = Room(version).joined(ALICE, BOB, CAROL).with_levels(users={BOB: bob, CAROL: carol})
    assert room.verdict(room.member(BOB, CAROL, "leave")) == expected


@every_version
@pytest.mark.parametrize(
    ("bob", "carol", "expected"),
    [(50, 0, None), (50, 49, None), (50, 50, "member.ban_level"), (49, 0, "member.ban_level")],
)
def test_5_6_ban(version: str, bob: int, carol: int, expected: str | None) -> None:
    room = Room(version).joined(ALICE, BOB).with_levels(users={BOB: bob, CAROL: carol})
    assert room.verdict(room.member(BOB, CAROL, "ban")) == expected


@every_version
def test_5_6_1_ban_by_non_member(version: str) -> None:
    room = Room(version).joined(ALICE).with_levels(users={BOB: 100})
    assert room.verdict(room.member(BOB, CAROL, "ban")) == "member.ban_by_non_member"


@from_version(12)
def test_5_5_and_5_6_nobody_is_above_a_creator(version: str) -> None:
    room = Room(version, {"additional_creators": [CAROL]}).joined(ALICE, BOB, CAROL)
    room.with_levels(users={BOB: 2**53 - 1})
    assert room.verdict(room.member(BOB, CAROL, "ban")) == "member.ban_level"
    assert room.verdict(room.member(ALICE, CAROL, "ban")) == "member.ban_level"
    assert room.verdict(room.member(CAROL, BOB, "ban")) is None


@before_version(7)
def test_5_7_knocking_is_unknown(version: str) -> None:
    room = Room(version).joined(ALICE).with_join_rule("knock")
    assert room.verdict(room.member(BOB, BOB, "knock")) == "member.unknown_membership"


@from_version(7)
def test_5_7_knock(version: str) -> None:
    room = Room(version).joined(ALICE).with_join_rule("public")
    assert room.verdict(room.member(BOB, BOB, "knock")) == "member.knock_join_rule"
    room.with_join_rule("knock_restricted")
    expected = None if version in since(10) else "member.knock_join_rule"
    assert room.verdict(room.member(BOB, BOB, "knock")) == expected
    room.with_join_rule("knock")
    assert room.verdict(room.member(BOB, CAROL, "knock")) == "member.knock_of_other_user"
    assert room.verdict(room.member(BOB, BOB, "knock")) is None
    for membership in ("ban", "invite", "join"):
        room.with_member(BOB, membership)
        assert room.verdict(room.member(BOB, BOB, "knock")) == "member.knock_while_member_or_banned"
    room.with_member(BOB, "leave")
    assert room.verdict(room.member(BOB, BOB, "knock")) is None


@every_version
@pytest.mark.parametrize("membership", ["friend", 1, None, {}])
def test_5_8_unknown_membership(version: str, membership: object) -> None:
    room = Room(version).joined(ALICE)
    event = room.member(ALICE, ALICE, membership)  # type: ignore[arg-type]
    assert room.verdict(event) == "member.unknown_membership"


# 6. to 9.


@every_version
@pytest.mark.parametrize("event_type", ["m.room.message", "m.room.third_party_invite", "m.room.create2"])
def test_6_sender_must_be_joined(version: str, event_type: str) -> None:
    room = Room(version).joined(ALICE).with_member(BOB, "invite")
    assert room.verdict(room.event(BOB, event_type)) == "sender.not_joined"
    assert room.verdict(room.event(CAROL, event_type)) == "sender.not_joined"


@every_version
def test_7_third_party_invite_needs_the_invite_level_only(version: str) -> None:
    room = Room(version).joined(ALICE, BOB)
    assert room.verdict(room.event(BOB, "m.room.third_party_invite", state_key="token")) is None
    room.with_levels(invite=1)
    event = room.event(BOB, "m.room.third_party_invite", state_key="token")
    assert room.verdict(event) == "third_party_invite.level"


@every_version
def test_8_level_of_the_type(version: str) -> None:
    room = Room(version).joined(ALICE, BOB)
    # without power levels: messages 0, state 50
    assert room.verdict(room.event(BOB, "m.room.message")) is None
    assert room.verdict(room.event(BOB, "m.room.topic", state_key="")) == "sender.level"
    assert room.verdict(room.event(ALICE, "m.room.topic", state_key="")) is None
    room.with_levels(events_default=1, state_default=0, events={"m.room.name": 2}, users_default=1)
    assert room.verdict(room.event(BOB, "m.room.message")) is None
    assert room.verdict(room.event(BOB, "m.room.topic", state_key="")) is None
    assert room.verdict(room.event(BOB, "m.room.name", state_key="")) == "sender.level"
    room.with_levels(events_default=1)
    assert room.verdict(room.event(BOB, "m.room.message")) == "sender.level"


@every_version
def test_9_state_keys_of_other_users(version: str) -> None:
    room = Room(version).joined(ALICE, BOB)
    assert room.verdict(room.event(ALICE, "own.type", state_key=BOB)) == "state_key.other_user"
    assert room.verdict(room.event(ALICE, "own.type", state_key="@x")) == "state_key.other_user"
    assert room.verdict(room.event(ALICE, "own.type", state_key=ALICE)) is None
    assert room.verdict(room.event(ALICE, "own.type", state_key="bob")) is None


# v1.11 m.room.redaction


@before_version(3)
def test_v1_11_redaction_is_an_authorization_rule(version: str) -> None:
    room = Room(version).joined(ALICE, BOB).with_levels(redact=50, users={ALICE: 50})
    assert room.verdict(room.event(ALICE, "m.room.redaction", redacts="$x:c.example")) is None
    assert room.verdict(room.event(BOB, "m.room.redaction", redacts="$x:b.example")) is None
    other = room.event(BOB, "m.room.redaction", redacts="$x:c.example")
    assert room.verdict(other) == "redaction.other_server"
    assert room.verdict(room.event(BOB, "m.room.redaction")) == "redaction.other_server"
    with_port = "@carol:c.example:8448"
    room.joined(with_port)
    assert room.verdict(room.event(with_port, "m.room.redaction", redacts="$x:c.example:8448")) is None
    other = room.event(with_port, "m.room.redaction", redacts="$x:d.example:8448")
    assert room.verdict(other) == "redaction.other_server"


@from_version(3)
def test_v1_11_redactions_are_ordinary_events_later(version: str) -> None:
    room = Room(version).joined(ALICE, BOB).with_levels(redact=50)
    assert room.verdict(room.event(BOB, "m.room.redaction", redacts="$x")) is None


# Selection of auth events


@every_version
def test_selection(version: str) -> None:
    room = Room(version)
    create = [] if version == "12" else [("m.room.create", "")]
    common = [*create, ("m.room.power_levels", ""), ("m.room.member", ALICE)]

    def keys(event_type: str, state_key: str | None = None, **content: object) -> list[tuple[str, str]]:
        return core.auth_keys(room.version, event_type, ALICE, state_key, content)  # type: ignore[arg-type]

    rules = ("m.room.join_rules", "")
    assert keys("m.room.create", "") == []
    assert keys("m.room.message") == common
    assert keys("m.room.member", ALICE, membership="join") == [*common, rules]
    assert keys("m.room.member", BOB, membership="ban") == [*common, ("m.room.member", BOB)]
    assert keys("m.room.member", BOB, membership="invite") == [*common, ("m.room.member", BOB), rules]
    assert keys("m.room.member", ALICE, membership="knock") == [*common, rules]
    assert keys("m.room.member", membership="join") == common
    invite = {"signed": {"token": "t"}}
    third_party = keys("m.room.member", BOB, membership="invite", third_party_invite=invite)
    assert third_party == [*common, ("m.room.member", BOB), rules, ("m.room.third_party_invite", "t")]
    for malformed in (1, {"signed": 1}, {"signed": {"token": 1}}):
        third_party = keys("m.room.member", BOB, membership="invite", third_party_invite=malformed)
        assert third_party == [*common, ("m.room.member", BOB), rules]
    restricted = keys("m.room.member", ALICE, membership="join", join_authorised_via_users_server=BOB)
    authorising = [("m.room.member", BOB)] if version in since(8) else []
    assert restricted == [*common, rules, *authorising]


@every_version
def test_selection_of_state_always_has_the_create_event(version: str) -> None:
    room = Room(version)
    assert core.state_keys(room.version, "m.room.message", ALICE, None, {})[0] == ("m.room.create", "")
    assert core.state_keys(room.version, "m.room.create", ALICE, "", {}) == []


def test_room_ids_follow_the_create_event() -> None:
    assert pdu.room_id_of(EventID("$abc")) == "!abc"
