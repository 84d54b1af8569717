"""The server's default rules.

Up to Matrix 1.16 there were rules that looked for names and `@room` in the body. They hold when the highest
version we advertise is one of those (TI-M: 1.11), and only for events without `m.mentions`.

Spec: https://spec.matrix.org/v1.19/client-server-api/#predefined-rules
"""

from typing import Final

import msgspec

from timserver.matrix.ids import UserID, localpart_of
from timserver.matrix.push_rules.rules import Action, ConditionJson, Rule, Ruleset

MASTER: Final = ".m.rule.master"

LEGACY_MENTIONS: Final = frozenset(
    {".m.rule.contains_display_name", ".m.rule.contains_user_name", ".m.rule.roomnotif"}
)
"""These never match an event that has `m.mentions`."""

ME: Final = "\0me"
MY_LOCALPART: Final = "\0my localpart"
"""What stands in the templates for the user, so that they are parsed once for everybody."""

_HIGHLIGHT: Final[Action] = {"set_tweak": "highlight"}
_SOUND: Final[Action] = {"set_tweak": "sound", "value": "default"}
_RING: Final[Action] = {"set_tweak": "sound", "value": "ring"}


def has_legacy_mentions(minor_version: int) -> bool:
    """Whether the default rules of Matrix 1.`minor_version` look for mentions in the body."""
    return minor_version < 17


def template(*, legacy_mentions: bool) -> Ruleset:
    """The default rules with `ME` and `MY_LOCALPART` where the user comes in."""
    return _WITH_LEGACY if legacy_mentions else _WITHOUT_LEGACY


def default_rules(user_id: UserID, *, legacy_mentions: bool) -> Ruleset:
    """The default rules as one user sees them."""
    rules = template(legacy_mentions=legacy_mentions)
    return msgspec.structs.replace(
        rules,
        override=tuple(_with_user(rule, user_id) for rule in rules.override),
        content=tuple(msgspec.structs.replace(rule, pattern=localpart_of(user_id)) for rule in rules.content),
    )


def _with_user(rule: Rule, user_id: UserID) -> Rule:
    conditions = tuple(
        {name: user_id if value == ME else value for name, value in condition.items()}
        for condition in rule.conditions or ()
    )
    return msgspec.structs.replace(rule, conditions=conditions)


def _rule(
    rule_id: str, actions: tuple[Action, ...], *conditions: ConditionJson, enabled: bool = True
) -> Rule:
    return Rule(rule_id=rule_id, default=True, enabled=enabled, actions=actions, conditions=conditions)


def _match(key: str, pattern: str) -> ConditionJson:
    return {"kind": "event_match", "key": key, "pattern": pattern}


def _is(key: str, value: str | bool) -> ConditionJson:
    return {"kind": "event_property_is", "key": key, "value": value}


_SENDER_MAY_NOTIFY_ROOM: Final[ConditionJson] = {"kind": "sender_notification_permission", "key": "room"}
_TWO_MEMBERS: Final[ConditionJson] = {"kind": "room_member_count", "is": "2"}
_MENTIONS_ME: Final[ConditionJson] = {
    "kind": "event_property_contains",
    "key": r"content.m\.mentions.user_ids",
    "value": ME,
}

_WITH_LEGACY: Final = Ruleset(
    override=(
        _rule(MASTER, (), enabled=False),
        _rule(".m.rule.suppress_notices", (), _match("content.msgtype", "m.notice")),
        _rule(
            ".m.rule.invite_for_me",
            ("notify", _SOUND),
            _match("type", "m.room.member"),
            _match("content.membership", "invite"),
            _match("state_key", ME),
        ),
        _rule(".m.rule.member_event", (), _match("type", "m.room.member")),
        _rule(".m.rule.is_user_mention", ("notify", _SOUND, _HIGHLIGHT), _MENTIONS_ME),
        _rule(
            ".m.rule.contains_display_name",
            ("notify", _SOUND, _HIGHLIGHT),
            {"kind": "contains_display_name"},
        ),
        _rule(
            ".m.rule.is_room_mention",
            ("notify", _HIGHLIGHT),
            _is(r"content.m\.mentions.room", True),
            _SENDER_MAY_NOTIFY_ROOM,
        ),
        _rule(
            ".m.rule.roomnotif",
            ("notify", _HIGHLIGHT),
            _match("content.body", "@room"),
            _SENDER_MAY_NOTIFY_ROOM,
        ),
        _rule(
            ".m.rule.tombstone",
            ("notify", _HIGHLIGHT),
            _match("type", "m.room.tombstone"),
            _match("state_key", ""),
        ),
        _rule(".m.rule.reaction", (), _match("type", "m.reaction")),
        _rule(".m.rule.room.server_acl", (), _match("type", "m.room.server_acl"), _match("state_key", "")),
        _rule(".m.rule.suppress_edits", (), _is(r"content.m\.relates_to.rel_type", "m.replace")),
    ),
    content=(
        Rule(
            rule_id=".m.rule.contains_user_name",
            default=True,
            enabled=True,
            actions=("notify", _SOUND, _HIGHLIGHT),
            pattern=MY_LOCALPART,
        ),
    ),
    underride=(
        _rule(".m.rule.call", ("notify", _RING), _match("type", "m.call.invite")),
        _rule(
            ".m.rule.encrypted_room_one_to_one",
            ("notify", _SOUND),
            _TWO_MEMBERS,
            _match("type", "m.room.encrypted"),
        ),
        _rule(".m.rule.room_one_to_one", ("notify", _SOUND), _TWO_MEMBERS, _match("type", "m.room.message")),
        _rule(".m.rule.message", ("notify",), _match("type", "m.room.message")),
        _rule(".m.rule.encrypted", ("notify",), _match("type", "m.room.encrypted")),
    ),
)
_WITHOUT_LEGACY: Final = Ruleset(
    override=tuple(rule for rule in _WITH_LEGACY.override if rule.rule_id not in LEGACY_MENTIONS),
    underride=_WITH_LEGACY.underride,
)
