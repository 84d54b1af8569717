"""What the `/pushrules` endpoints do, as functions from `UserRules` to `UserRules`.

`defaults` is what `default_rules` gives for the user. All raise `MatrixError` for what the client did wrong.

Spec: https://spec.matrix.org/v1.19/client-server-api/#push-rules-api
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from timserver.matrix import errors
from timserver.matrix.push_rules.defaults import MASTER
from timserver.matrix.push_rules.rules import Action, Difference, Kind, Rule, RuleBody, Ruleset, UserRules

PATTERN_LENGTH_MAX: Final = 256
CONDITIONS_MAX: Final = 32
ACTIONS_MAX: Final = 16
RULE_ID_LENGTH_MAX: Final = 256


def parse_kind(text: str) -> Kind:
    """The kind of rule that a path names."""
    try:
        return Kind(text)
    except ValueError:
        raise errors.InvalidParam("Unknown kind of push rule") from None


def merge(rules: UserRules, defaults: Ruleset) -> Ruleset:
    """All rules of a user: per kind the own before the default ones; only the master switch comes first of all."""
    return Ruleset(*(_merge_kind(rules, defaults, kind) for kind in Kind))


def _merge_kind(rules: UserRules, defaults: Ruleset, kind: Kind) -> tuple[Rule, ...]:
    default = [_differ(rule, rules.defaults.get(rule.rule_id)) for rule in defaults.of(kind)]
    master = [rule for rule in default if rule.rule_id == MASTER]
    return (*master, *rules.own.of(kind), *(rule for rule in default if rule.rule_id != MASTER))


def _differ(rule: Rule, difference: Difference | None) -> Rule:
    if difference is None:
        return rule
    return replace(
        rule,
        enabled=rule.enabled if difference.enabled is None else difference.enabled,
        actions=rule.actions if difference.actions is None else difference.actions,
    )


def find_rule(rules: UserRules, defaults: Ruleset, kind: Kind, rule_id: str) -> Rule:
    """One rule, own or default."""
    return _find(_merge_kind(rules, defaults, kind), rule_id)


def _find(rules: Iterable[Rule], rule_id: str) -> Rule:
    for rule in rules:
        if rule.rule_id == rule_id:
            return rule
    raise errors.NotFound("The push rule was not found")


def put_rule(
    rules: UserRules,
    kind: Kind,
    rule_id: str,
    body: RuleBody,
    *,
    before: str | None,
    after: str | None,
    count_max: int,
) -> UserRules:
    """Add an own rule or change one, which stays where it is unless `before` or `after` moves it.

    A new rule is enabled and the most important of its kind. At most `count_max` own rules per kind.
    """
    _check_rule_id(rule_id)
    _check_body(kind, body)
    own = rules.own.of(kind)
    old = next((rule for rule in own if rule.rule_id == rule_id), None)
    if old is None and len(own) >= count_max:
        raise errors.UserLimitExceeded("Too many push rules")
    rule = Rule(
        rule_id=rule_id,
        default=False,
        enabled=old.enabled if old else True,
        actions=body.actions,
        conditions=(body.conditions or ()) if kind in {Kind.OVERRIDE, Kind.UNDERRIDE} else None,
        pattern=body.pattern if kind is Kind.CONTENT else None,
    )
    others = [other for other in own if other.rule_id != rule_id]
    place = own.index(old) if old else 0
    if before is not None:
        place = _place_of(others, before)
    elif after is not None:
        place = _place_of(others, after) + 1
    return _with_own(rules, kind, [*others[:place], rule, *others[place:]])


def _check_rule_id(rule_id: str) -> None:
    if rule_id.startswith("."):
        raise errors.InvalidParam("Rule ids with a leading dot are reserved for server-default rules")
    if not rule_id or "/" in rule_id or "\\" in rule_id or len(rule_id) > RULE_ID_LENGTH_MAX:
        raise errors.InvalidParam("Rule ids must not be empty, too long, or hold a slash or backslash")


def _check_body(kind: Kind, body: RuleBody) -> None:
    if kind is Kind.CONTENT and body.pattern is None:
        raise errors.MissingParam("Content rules need a pattern")
    conditions = body.conditions or ()
    if len(conditions) > CONDITIONS_MAX:
        raise errors.InvalidParam("Too many conditions")
    for condition in conditions:
        if not isinstance(condition.get("kind"), str):
            raise errors.InvalidParam("A condition needs a kind")
    for pattern in (body.pattern, *(condition.get("pattern") for condition in conditions)):
        if isinstance(pattern, str) and len(pattern) > PATTERN_LENGTH_MAX:
            raise errors.InvalidParam("Pattern too long")
    _check_actions(body.actions)


def _check_actions(actions: Sequence[Action]) -> None:
    if len(actions) > ACTIONS_MAX:
        raise errors.InvalidParam("Too many actions")


def _place_of(rules: Sequence[Rule], rule_id: str) -> int:
    for place, rule in enumerate(rules):
        if rule.rule_id == rule_id:
            return place
    raise errors.Unknown(f"before/after rule not found: {rule_id}", status=400)


def _with_own(rules: UserRules, kind: Kind, own: Iterable[Rule]) -> UserRules:
    return replace(rules, own=replace(rules.own, **{kind.value: tuple(own)}))


def delete_rule(rules: UserRules, kind: Kind, rule_id: str) -> UserRules:
    """Remove an own rule. Default rules cannot be removed, only disabled."""
    own = rules.own.of(kind)
    gone = _find(own, rule_id)
    return _with_own(rules, kind, (rule for rule in own if rule is not gone))


def set_enabled(rules: UserRules, defaults: Ruleset, kind: Kind, rule_id: str, *, enabled: bool) -> UserRules:
    """Enable or disable a rule, own or default."""
    return _change(rules, defaults, kind, replace(find_rule(rules, defaults, kind, rule_id), enabled=enabled))


def set_actions(
    rules: UserRules, defaults: Ruleset, kind: Kind, rule_id: str, actions: tuple[Action, ...]
) -> UserRules:
    """Change what a rule does, own or default."""
    _check_actions(actions)
    return _change(rules, defaults, kind, replace(find_rule(rules, defaults, kind, rule_id), actions=actions))


def _change(rules: UserRules, defaults: Ruleset, kind: Kind, changed: Rule) -> UserRules:
    if not changed.default:
        own = rules.own.of(kind)
        return _with_own(rules, kind, (changed if rule.rule_id == changed.rule_id else rule for rule in own))
    original = _find(defaults.of(kind), changed.rule_id)
    difference = Difference(
        enabled=None if changed.enabled == original.enabled else changed.enabled,
        actions=None if changed.actions == original.actions else changed.actions,
    )
    others = {key: value for key, value in rules.defaults.items() if key != changed.rule_id}
    kept = others if difference == Difference() else {**others, changed.rule_id: difference}
    return replace(rules, defaults=kept)
