"""One event, several recipients."""

from typing import Any

import pytest

from timserver.matrix.ids import UserID
from timserver.matrix.push_rules import changes, defaults, evaluation
from timserver.matrix.push_rules.conditions import RoomFacts
from timserver.matrix.push_rules.evaluation import Level, Outcomes, Recipient
from timserver.matrix.push_rules.rules import Kind, Rule, RuleBody, Ruleset, UserRules

ALICE, BOB, CAROL = (UserID(f"@{name}:example.org") for name in ("alice", "bob", "carol"))
GROUP = RoomFacts(member_count=3, sender_level=0, notification_levels={})
PAIR = RoomFacts(member_count=2, sender_level=0, notification_levels={})
QUIET, NOTIFY, LOUD = Level.NONE, Level.NOTIFY, Level.HIGHLIGHT


def event(content: object = None, **changed: object) -> Any:
    content = {"msgtype": "m.text", "body": "hello"} if content is None else content
    return {
        "type": "m.room.message",
        "sender": ALICE,
        "room_id": "!ward:example.org",
        "content": content,
        **changed,
    }


def evaluate(
    what: Any, *recipients: Recipient, room: RoomFacts = GROUP, legacy_mentions: bool = True
) -> Outcomes:
    return evaluation.evaluate_room(
        what, room, recipients or (Recipient(BOB), Recipient(CAROL)), legacy_mentions=legacy_mentions
    )


def levels(outcomes: Outcomes) -> tuple[Level, Level]:
    """Those of Bob and Carol."""
    return outcomes.of(BOB).level, outcomes.of(CAROL).level


def with_rules(rules: UserRules, user_id: UserID = BOB) -> Recipient:
    return Recipient(user_id, rules=evaluation.compile_rules(rules, legacy_mentions=True))


def own(
    kind: Kind, rule_id: str, *actions: Any, conditions: Any = None, pattern: str | None = None
) -> Recipient:
    body = RuleBody(actions=actions, conditions=conditions, pattern=pattern)
    return with_rules(
        changes.put_rule(UserRules(), kind, rule_id, body, before=None, after=None, count_max=10)
    )


@pytest.mark.parametrize(
    ("what", "group", "pair"),
    [
        (event(), NOTIFY, NOTIFY),
        (event({"msgtype": "m.notice", "body": "x"}), QUIET, QUIET),
        (event({"algorithm": "m.megolm.v1.aes-sha2"}, type="m.room.encrypted"), NOTIFY, NOTIFY),
        (event({}, type="m.call.invite"), NOTIFY, NOTIFY),
        (event({}, type="m.reaction"), QUIET, QUIET),
        (event({}, type="m.sticker"), QUIET, QUIET),
        (event({}, type="m.room.topic", state_key=""), QUIET, QUIET),
        (event({}, type="m.room.tombstone", state_key=""), LOUD, LOUD),
        (event({}, type="m.room.tombstone"), QUIET, QUIET),
        (event({"membership": "join"}, type="m.room.member", state_key=ALICE), QUIET, QUIET),
        (event({"body": "* x", "m.relates_to": {"rel_type": "m.replace", "event_id": "$e"}}), QUIET, QUIET),
        (event({"body": "x", "m.relates_to": {"rel_type": "m.thread", "event_id": "$e"}}), NOTIFY, NOTIFY),
    ],
)
@pytest.mark.parametrize("legacy_mentions", [False, True])
def test_default_rules(what: Any, group: Level, pair: Level, legacy_mentions: bool) -> None:
    assert levels(evaluate(what, legacy_mentions=legacy_mentions)) == (group, group)
    assert levels(evaluate(what, room=PAIR, legacy_mentions=legacy_mentions)) == (pair, pair)


def test_who_is_ordinary_is_no_exception() -> None:
    assert evaluate(event()).exceptions == {}


def test_a_message_sounds_only_between_two() -> None:
    sound = {"set_tweak": "sound", "value": "default"}
    assert evaluate(event(), room=PAIR).default.actions == ("notify", sound)
    assert evaluate(event()).default.actions == ("notify",)


def test_only_the_mentioned_are_highlighted() -> None:
    outcomes = evaluate(event({"body": "x", "m.mentions": {"user_ids": [BOB, 5, None]}}))
    assert levels(outcomes) == (LOUD, NOTIFY)
    assert list(outcomes.exceptions) == [BOB]


def test_an_edit_that_mentions_somebody_anew_notifies_only_them() -> None:
    content = {
        "body": "* x",
        "m.mentions": {"user_ids": [BOB]},
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$e"},
    }
    assert levels(evaluate(event(content))) == (LOUD, QUIET)


@pytest.mark.parametrize("user_ids", ["@bob:example.org", None, {}, [""], ["\0"], ["\0me"]])
def test_strange_mentions_mention_nobody(user_ids: Any) -> None:
    assert levels(evaluate(event({"body": "x", "m.mentions": {"user_ids": user_ids}}))) == (NOTIFY, NOTIFY)


def test_the_sender_hears_nothing() -> None:
    mention_of_self = event({"body": "alice", "m.mentions": {"user_ids": [ALICE]}})
    outcomes = evaluate(mention_of_self, Recipient(ALICE), own(Kind.OVERRIDE, "all", "notify"))
    assert ALICE not in outcomes.exceptions


def test_an_invite_notifies_the_invited_only() -> None:
    outcomes = evaluate(event({"membership": "invite"}, type="m.room.member", state_key=BOB))
    assert levels(outcomes) == (NOTIFY, QUIET)
    left = evaluate(event({"membership": "leave"}, type="m.room.member", state_key=BOB))
    assert levels(left) == (QUIET, QUIET)


@pytest.mark.parametrize(
    ("level", "notification_levels", "expected"),
    [
        (50, {}, LOUD),
        (49, {}, NOTIFY),
        (float("inf"), {"room": 100}, LOUD),
        (20, {"room": 20}, LOUD),
        (20, {"room": "20"}, LOUD),
        (20, {"room": "high"}, NOTIFY),
        (0, {"other": 0}, NOTIFY),
    ],
)
def test_the_whole_room_is_mentioned_by_who_may(
    level: float, notification_levels: dict[str, Any], expected: Level
) -> None:
    room = RoomFacts(member_count=3, sender_level=level, notification_levels=notification_levels)
    outcomes = evaluate(event({"body": "x", "m.mentions": {"room": True}}), room=room)
    assert levels(outcomes) == (expected, expected)
    assert outcomes.exceptions == {}
    assert levels(evaluate(event({"body": "x", "m.mentions": {"room": 1}}), room=room)) == (NOTIFY, NOTIFY)
    old = evaluate(event({"body": "hey @room!"}), room=room)
    assert levels(old) == (expected, expected)


BOBBY = (Recipient(BOB, "Dr. Bob Müller"), Recipient(CAROL, "Carol"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("ask dr. bob müller", LOUD),
        ("ask bob", LOUD),
        ("ask BOB!", LOUD),
        ("kebobs", NOTIFY),
        ("bob_the_builder", NOTIFY),
        ("", NOTIFY),
    ],
)
def test_names_in_the_body_count_only_in_old_rule_sets_and_without_mentions(
    body: str, expected: Level
) -> None:
    assert levels(evaluate(event({"body": body}), *BOBBY)) == (expected, NOTIFY)
    assert levels(evaluate(event({"body": body}), *BOBBY, legacy_mentions=False)) == (NOTIFY, NOTIFY)
    assert levels(evaluate(event({"body": body, "m.mentions": {}}), *BOBBY)) == (NOTIFY, NOTIFY)
    encrypted = event({"ciphertext": body}, type="m.room.encrypted")
    assert levels(evaluate(encrypted, *BOBBY)) == (NOTIFY, NOTIFY)


def test_a_muted_room_is_quiet_but_for_mentions() -> None:
    muted = own(Kind.ROOM, "!ward:example.org")
    assert levels(evaluate(event(), muted, Recipient(CAROL))) == (QUIET, NOTIFY)
    mention = event({"body": "x", "m.mentions": {"user_ids": [BOB]}})
    assert levels(evaluate(mention, muted, Recipient(CAROL))) == (LOUD, NOTIFY)
    elsewhere = event(room_id="!other:example.org")
    assert levels(evaluate(elsewhere, muted, Recipient(CAROL))) == (NOTIFY, NOTIFY)
    forever = own(
        Kind.OVERRIDE,
        "mute",
        conditions=({"kind": "event_match", "key": "room_id", "pattern": "!ward:example.org"},),
    )
    assert levels(evaluate(mention, forever, Recipient(CAROL))) == (QUIET, NOTIFY)


def test_the_master_switch_silences_all() -> None:
    rules = changes.set_enabled(
        UserRules(),
        defaults.default_rules(BOB, legacy_mentions=True),
        Kind.OVERRIDE,
        ".m.rule.master",
        enabled=True,
    )
    rules = changes.put_rule(
        rules, Kind.OVERRIDE, "all", RuleBody(actions=("notify",)), before=None, after=None, count_max=9
    )
    mention = event({"body": "x", "m.mentions": {"user_ids": [BOB]}})
    assert levels(evaluate(mention, with_rules(rules), Recipient(CAROL))) == (QUIET, NOTIFY)


def test_the_kinds_in_their_order() -> None:
    rules = UserRules()
    for kind, rule_id, pattern, tweak in (
        (Kind.UNDERRIDE, "u", None, "underride"),
        (Kind.SENDER, ALICE, None, "sender"),
        (Kind.ROOM, "!ward:example.org", None, "room"),
        (Kind.CONTENT, "c", "h?ll*", "content"),
        (Kind.OVERRIDE, "o", None, "override"),
    ):
        body = RuleBody(actions=("notify", {"set_tweak": tweak}), pattern=pattern)
        rules = changes.put_rule(rules, kind, rule_id, body, before=None, after=None, count_max=9)
        outcome = evaluate(event(), with_rules(rules)).of(BOB)
        assert outcome.actions == ("notify", {"set_tweak": tweak})


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ((), QUIET),
        (("dont_notify",), QUIET),
        (("coalesce",), QUIET),
        (("org.example.unknown",), QUIET),
        (("notify",), NOTIFY),
        (("notify", "dont_notify", {"org.example": 1}), NOTIFY),
        (("notify", {"set_tweak": "highlight"}), LOUD),
        (("notify", {"set_tweak": "highlight", "value": False}), NOTIFY),
        (({"set_tweak": "highlight"},), QUIET),
    ],
)
def test_actions(actions: tuple[Any, ...], expected: Level) -> None:
    assert evaluation.read_actions(actions).level is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"kind": "event_match", "key": "type", "pattern": "M.ROOM.*"}, True),
        ({"kind": "event_match", "key": "content.body", "pattern": "Hello"}, True),
        ({"kind": "event_match", "key": "content.body", "pattern": "hell"}, False),
        ({"kind": "event_match", "key": "content.msgtype", "pattern": "text"}, False),
        ({"kind": "event_match", "key": "content.absent", "pattern": "*"}, False),
        ({"kind": "event_match", "key": "content.number", "pattern": "*"}, False),
        ({"kind": "event_match", "key": r"content.a\.b", "pattern": "dotted"}, True),
        ({"kind": "event_match", "key": "content.a.b", "pattern": "nested"}, True),
        ({"kind": "event_match", "key": "type"}, False),
        ({"kind": "event_match", "pattern": "*"}, False),
        ({"kind": "event_property_is", "key": "content.number", "value": 1}, True),
        ({"kind": "event_property_is", "key": "content.number", "value": True}, False),
        ({"kind": "event_property_is", "key": "content.number", "value": "1"}, False),
        ({"kind": "event_property_is", "key": "content.yes", "value": True}, True),
        ({"kind": "event_property_is", "key": "content.nothing", "value": None}, True),
        ({"kind": "event_property_is", "key": "content.absent", "value": None}, False),
        ({"kind": "event_property_is", "key": "content.list", "value": [1]}, False),
        ({"kind": "event_property_is", "key": "content.number"}, False),
        ({"kind": "event_property_contains", "key": "content.list", "value": 1}, True),
        ({"kind": "event_property_contains", "key": "content.list", "value": True}, False),
        ({"kind": "event_property_contains", "key": "content.list", "value": None}, True),
        ({"kind": "event_property_contains", "key": "content.body", "value": "h"}, False),
        ({"kind": "room_member_count", "is": "3"}, True),
        ({"kind": "room_member_count", "is": "==3"}, True),
        ({"kind": "room_member_count", "is": "<3"}, False),
        ({"kind": "room_member_count", "is": "<=3"}, True),
        ({"kind": "room_member_count", "is": ">2"}, True),
        ({"kind": "room_member_count", "is": ">=4"}, False),
        ({"kind": "room_member_count", "is": "=3"}, False),
        ({"kind": "room_member_count", "is": 3}, False),
        ({"kind": "room_member_count"}, False),
        ({"kind": "sender_notification_permission", "key": "any"}, False),
        ({"kind": "contains_display_name"}, False),
        ({"kind": "org.example.unknown", "key": "type", "value": "m.room.message"}, False),
        ({"kind": 5}, False),
    ],
)
def test_conditions(condition: dict[str, Any], expected: bool) -> None:
    what = event(
        {
            "body": "hello",
            "msgtype": "m.text",
            "number": 1,
            "yes": True,
            "nothing": None,
            "list": [1, "a", None, [2]],
            "a.b": "dotted",
            "a": {"b": "nested"},
        }
    )
    actions = ("notify", {"set_tweak": "found"})
    rule = Rule(rule_id="r", default=False, enabled=True, actions=actions, conditions=(condition,))
    stored = UserRules(own=Ruleset(override=(rule,)))
    found = evaluate(what, with_rules(stored)).of(BOB).actions == actions
    assert found is expected


def test_an_own_rule_with_the_display_name() -> None:
    condition = {"kind": "contains_display_name"}
    rules = own(Kind.OVERRIDE, "me", "notify", conditions=(condition,)).rules
    quiet = event({"msgtype": "m.notice", "body": "Robert, please", "m.mentions": {}})
    assert evaluate(quiet, Recipient(BOB, "Robert", rules)).of(BOB).level is NOTIFY
    assert evaluate(quiet, Recipient(BOB, None, rules)).of(BOB).level is QUIET
