"""What the /pushrules endpoints do to the stored differences."""

from typing import Any

import msgspec
import pytest

from timserver.matrix import errors
from timserver.matrix.ids import RoomID, UserID
from timserver.matrix.push_rules import changes, defaults
from timserver.matrix.push_rules.rules import (
    Kind,
    Rule,
    RuleBody,
    UserRules,
    by_kind,
    encode_user_rules,
    parse_user_rules,
)
from timserver.matrix.push_rules.succession import succeed

ALICE = UserID("@alice:example.org")
DEFAULTS = defaults.default_rules(ALICE, legacy_mentions=True)
NOTIFY = RuleBody(actions=("notify",))


def put(
    rules: UserRules,
    rule_id: str,
    kind: Kind = Kind.OVERRIDE,
    body: RuleBody = NOTIFY,
    *,
    before: str | None = None,
    after: str | None = None,
) -> UserRules:
    return changes.put_rule(rules, kind, rule_id, body, before=before, after=after, count_max=4)


def ids(rules: UserRules, kind: Kind = Kind.OVERRIDE) -> list[str]:
    return [rule.rule_id for rule in rules.own.of(kind)]


def rules_of(*rule_ids: str) -> UserRules:
    rules = UserRules()
    for rule_id in reversed(rule_ids):
        rules = put(rules, rule_id)
    return rules


def test_the_default_rules_of_matrix_1_11() -> None:
    assert [rule.rule_id for rule in DEFAULTS.override] == [
        ".m.rule.master",
        ".m.rule.suppress_notices",
        ".m.rule.invite_for_me",
        ".m.rule.member_event",
        ".m.rule.is_user_mention",
        ".m.rule.contains_display_name",
        ".m.rule.is_room_mention",
        ".m.rule.roomnotif",
        ".m.rule.tombstone",
        ".m.rule.reaction",
        ".m.rule.room.server_acl",
        ".m.rule.suppress_edits",
    ]
    assert [(rule.rule_id, rule.pattern) for rule in DEFAULTS.content] == [
        (".m.rule.contains_user_name", "alice")
    ]
    assert [rule.rule_id for rule in DEFAULTS.underride] == [
        ".m.rule.call",
        ".m.rule.encrypted_room_one_to_one",
        ".m.rule.room_one_to_one",
        ".m.rule.message",
        ".m.rule.encrypted",
    ]
    assert [rule.rule_id for rule in DEFAULTS.override if not rule.enabled] == [".m.rule.master"]


def test_mentions_by_name_went_with_1_17() -> None:
    assert defaults.has_legacy_mentions(11)
    assert defaults.has_legacy_mentions(16)
    assert not defaults.has_legacy_mentions(17)
    newer = defaults.default_rules(ALICE, legacy_mentions=False)
    gone = {rule.rule_id for rule in (*DEFAULTS.override, *DEFAULTS.content)} - {
        rule.rule_id for rule in newer.override
    }
    assert gone == defaults.LEGACY_MENTIONS
    assert newer.content == ()


def test_the_user_stands_in_the_default_rules() -> None:
    by_id = {rule.rule_id: rule for rule in DEFAULTS.override}
    mention = by_id[".m.rule.is_user_mention"].conditions
    assert mention is not None
    assert mention[0] == {
        "kind": "event_property_contains",
        "key": r"content.m\.mentions.user_ids",
        "value": ALICE,
    }
    invite = by_id[".m.rule.invite_for_me"].conditions
    assert invite is not None
    assert invite[2] == {"kind": "event_match", "key": "state_key", "pattern": ALICE}
    assert "\\u0000" not in msgspec.json.encode(DEFAULTS).decode()


def test_the_wire_form() -> None:
    rules = put(UserRules(), "nocake", Kind.CONTENT, RuleBody(actions=(), pattern="cake*lie"))
    wire: Any = msgspec.json.decode(msgspec.json.encode(by_kind(changes.merge(rules, DEFAULTS))))
    assert list(wire) == ["override", "content", "room", "sender", "underride"]
    assert wire["content"][0] == {
        "rule_id": "nocake",
        "default": False,
        "enabled": True,
        "actions": [],
        "pattern": "cake*lie",
    }
    assert wire["room"] == []
    assert wire["override"][0] == {
        "rule_id": ".m.rule.master",
        "default": True,
        "enabled": False,
        "actions": [],
        "conditions": [],
    }


def test_the_master_switch_stays_first_and_own_rules_come_before_default_ones() -> None:
    merged = changes.merge(rules_of("a", "b"), DEFAULTS)
    assert [rule.rule_id for rule in merged.override[:4]] == [
        ".m.rule.master",
        "a",
        "b",
        ".m.rule.suppress_notices",
    ]


def test_a_new_rule_is_the_most_important_and_enabled() -> None:
    rules = put(put(UserRules(), "first"), "second")
    assert ids(rules) == ["second", "first"]
    assert all(rule.enabled and not rule.default for rule in rules.own.override)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("b", None, ["a", "new", "b", "c"]),
        ("a", None, ["new", "a", "b", "c"]),
        (None, "b", ["a", "b", "new", "c"]),
        (None, "c", ["a", "b", "c", "new"]),
        ("b", "c", ["a", "new", "b", "c"]),
    ],
)
def test_before_and_after(before: str | None, after: str | None, expected: list[str]) -> None:
    assert ids(put(rules_of("a", "b", "c"), "new", before=before, after=after)) == expected


def test_a_changed_rule_keeps_its_place_and_switch_unless_moved() -> None:
    rules = changes.set_enabled(rules_of("a", "b", "c"), DEFAULTS, Kind.OVERRIDE, "b", enabled=False)
    rules = put(rules, "b", body=RuleBody(actions=()))
    assert ids(rules) == ["a", "b", "c"]
    assert rules.own.override[1] == Rule(rule_id="b", default=False, enabled=False, actions=(), conditions=())
    assert ids(put(rules, "b", before="a")) == ["b", "a", "c"]
    assert ids(put(rules, "a", after="c")) == ["b", "c", "a"]


@pytest.mark.parametrize("relative", ["unknown", ".m.rule.message", "new"])
def test_a_rule_stands_relative_to_another_own_rule_only(relative: str) -> None:
    with pytest.raises(errors.Unknown) as refused:
        put(rules_of("a"), "new", before=relative)
    assert refused.value.http_status == 400
    with pytest.raises(errors.Unknown):
        put(rules_of("a"), "new", after=relative)


@pytest.mark.parametrize("rule_id", [".m.rule.master", ".mine", "", "a/b", "a\\b", "x" * 257])
def test_bad_rule_ids(rule_id: str) -> None:
    with pytest.raises(errors.InvalidParam):
        put(UserRules(), rule_id)


def test_bad_bodies() -> None:
    with pytest.raises(errors.MissingParam):
        put(UserRules(), "a", Kind.CONTENT)
    for body in (
        RuleBody(actions=(), pattern="x" * 257),
        RuleBody(actions=(), conditions=({"kind": "event_match", "key": "type", "pattern": "x" * 257},)),
        RuleBody(actions=(), conditions=({"key": "type"},)),
        RuleBody(actions=(), conditions=({"kind": "event_match"},) * 33),
        RuleBody(actions=("notify",) * 17),
    ):
        with pytest.raises(errors.InvalidParam):
            put(UserRules(), "a", body=body)


def test_own_rules_are_limited_but_may_still_be_changed() -> None:
    rules = rules_of("a", "b", "c", "d")
    with pytest.raises(errors.UserLimitExceeded):
        put(rules, "e")
    assert ids(put(rules, "d", before="a")) == ["d", "a", "b", "c"]


def test_parts_of_other_kinds_are_dropped() -> None:
    body = RuleBody(actions=(), conditions=({"kind": "contains_display_name"},), pattern="p")
    for kind in (Kind.ROOM, Kind.SENDER):
        assert put(UserRules(), "!r:example.org", kind, body).own.of(kind)[0] == Rule(
            rule_id="!r:example.org", default=False, enabled=True, actions=()
        )


def test_deleting() -> None:
    assert ids(changes.delete_rule(rules_of("a", "b"), Kind.OVERRIDE, "a")) == ["b"]
    for rule_id in ("unknown", ".m.rule.message"):
        with pytest.raises(errors.NotFound):
            changes.delete_rule(rules_of("a"), Kind.OVERRIDE, rule_id)


def test_default_rules_change_by_difference_and_back() -> None:
    rules = changes.set_enabled(UserRules(), DEFAULTS, Kind.UNDERRIDE, ".m.rule.message", enabled=False)
    rules = changes.set_actions(rules, DEFAULTS, Kind.UNDERRIDE, ".m.rule.message", ())
    found = changes.find_rule(rules, DEFAULTS, Kind.UNDERRIDE, ".m.rule.message")
    assert (found.enabled, found.actions, found.default) == (False, (), True)
    assert parse_user_rules(encode_user_rules(rules)) == rules
    rules = changes.set_enabled(rules, DEFAULTS, Kind.UNDERRIDE, ".m.rule.message", enabled=True)
    rules = changes.set_actions(rules, DEFAULTS, Kind.UNDERRIDE, ".m.rule.message", ("notify",))
    assert rules == UserRules()
    assert encode_user_rules(rules) == b"{}"


def test_own_rules_change_too() -> None:
    rules = changes.set_actions(rules_of("a", "b"), DEFAULTS, Kind.OVERRIDE, "b", ())
    assert changes.find_rule(rules, DEFAULTS, Kind.OVERRIDE, "b").actions == ()
    assert parse_user_rules(encode_user_rules(rules)) == rules


@pytest.mark.parametrize(
    ("kind", "rule_id"), [(Kind.OVERRIDE, "unknown"), (Kind.OVERRIDE, ".m.rule.message")]
)
def test_only_existing_rules_can_be_asked_or_changed(kind: Kind, rule_id: str) -> None:
    with pytest.raises(errors.NotFound):
        changes.find_rule(UserRules(), DEFAULTS, kind, rule_id)
    with pytest.raises(errors.NotFound):
        changes.set_enabled(UserRules(), DEFAULTS, kind, rule_id, enabled=True)
    with pytest.raises(errors.NotFound):
        changes.set_actions(UserRules(), DEFAULTS, kind, rule_id, ())


def test_kinds() -> None:
    assert changes.parse_kind("room") is Kind.ROOM
    with pytest.raises(errors.InvalidParam):
        changes.parse_kind("device")


OLD, NEW = RoomID("!old:example.org"), RoomID("!new:example.org")
MUTE = RuleBody(
    actions=(), conditions=({"kind": "event_match", "key": "room_id", "pattern": OLD}, {"kind": "x"})
)


def test_rules_of_a_room_are_repeated_for_its_successor() -> None:
    rules = put(put(put(UserRules(), "other"), "mine", body=MUTE), OLD, Kind.ROOM)
    succeeded = succeed(rules, OLD, NEW, count_max=4)
    assert ids(succeeded) == ["mine", f"mine:{NEW}", "other"]
    assert ids(succeeded, Kind.ROOM) == [OLD, NEW]
    repeated = succeeded.own.of(Kind.OVERRIDE)[1]
    assert repeated.conditions == ({"kind": "event_match", "key": "room_id", "pattern": NEW}, {"kind": "x"})
    assert succeed(succeeded, OLD, NEW, count_max=9) == succeeded, "once"
    later = RoomID("!later:example.org")
    assert ids(succeed(succeeded, NEW, later, count_max=9))[2] == f"mine:{later}", "names do not grow"


def test_succession_keeps_to_the_bounds() -> None:
    full = put(put(UserRules(), "a", body=MUTE), "b", body=MUTE)
    assert ids(succeed(full, OLD, NEW, count_max=2)) == ["b", "a"]
    assert len(ids(succeed(full, OLD, NEW, count_max=3))) == 3
    long = put(UserRules(), "x" * changes.RULE_ID_LENGTH_MAX, body=MUTE)
    assert succeed(long, OLD, NEW, count_max=9) == long
