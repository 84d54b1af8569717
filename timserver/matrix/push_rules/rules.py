"""The nouns of push rules, in the shape they have on the wire and in storage."""

from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

Action: TypeAlias = str | dict[str, Any]
"""`notify` and tweaks count; whatever else stands there is kept and ignored."""

ConditionJson: TypeAlias = dict[str, Any]


class Kind(StrEnum):
    """The kinds of rule in the order in which they are tried."""

    OVERRIDE = "override"
    CONTENT = "content"
    ROOM = "room"
    SENDER = "sender"
    UNDERRIDE = "underride"


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One rule. `conditions` only for override and underride, `pattern` only for content rules."""

    rule_id: str
    default: bool
    enabled: bool
    actions: tuple[Action, ...]
    conditions: tuple[ConditionJson, ...] | None = None
    pattern: str | None = None


class RuleBody(msgspec.Struct, frozen=True, kw_only=True):
    """What `PUT /pushrules/global/{kind}/{ruleId}` brings."""

    actions: tuple[Action, ...]
    conditions: tuple[ConditionJson, ...] | None = None
    pattern: str | None = None


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one default rule differs for a user; None means: as the server has it."""

    enabled: bool | None = None
    actions: tuple[Action, ...] | None = None


class Ruleset(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rules by kind, most important first."""

    override: tuple[Rule, ...] = ()
    content: tuple[Rule, ...] = ()
    room: tuple[Rule, ...] = ()
    sender: tuple[Rule, ...] = ()
    underride: tuple[Rule, ...] = ()

    def of(self, kind: Kind) -> tuple[Rule, ...]:
        """The rules of a kind."""
        rules: tuple[Rule, ...] = getattr(self, kind)
        return rules


class UserRules(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored for a user: the own rules, and by default rule id what differs from the server's."""

    own: Ruleset = Ruleset()
    defaults: dict[str, Difference] = {}


def parse_user_rules(stored: bytes) -> UserRules:
    """Read what `encode_user_rules` wrote."""
    return msgspec.json.decode(stored, type=UserRules)


def encode_user_rules(rules: UserRules) -> bytes:
    """The stored form."""
    return msgspec.json.encode(rules)


def by_kind(ruleset: Ruleset) -> dict[str, tuple[Rule, ...]]:
    """What the wire wants as `global`, also the kinds without rules; for `msgspec.json.encode`."""
    return {kind.value: ruleset.of(kind) for kind in Kind}
