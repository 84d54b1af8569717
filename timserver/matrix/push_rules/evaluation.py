"""One event for all recipients of a room at once.

Nearly everybody has only the default rules, and these give nearly everybody the same. So the outcome of somebody
the event does not name is computed once, and only who has own rules or is named is asked one by one.

Ignored senders, and events that nobody is told about (backfilled, soft-failed), are the caller's to leave out.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final

import msgspec

from timserver.matrix.ids import UserID, localpart_of
from timserver.matrix.json_types import JsonObject
from timserver.matrix.push_rules.changes import merge
from timserver.matrix.push_rules.conditions import (
    BODY,
    Condition,
    EventFacts,
    Reader,
    RoomFacts,
    is_about_reader,
    mentioned_users,
    parse_body_pattern,
    parse_condition,
)
from timserver.matrix.push_rules.defaults import LEGACY_MENTIONS, template
from timserver.matrix.push_rules.rules import Action, Rule, Ruleset, UserRules


class Level(IntEnum):
    """How loud: a highlight is also a notification."""

    NONE = 0
    NOTIFY = 1
    HIGHLIGHT = 2


class Outcome(msgspec.Struct, frozen=True):
    """What an event means to one user. `actions` as `GET /notifications` and the push gateway want them."""

    level: Level
    actions: tuple[Action, ...] = ()


SILENT: Final = Outcome(Level.NONE)


class CompiledRule(msgspec.Struct, frozen=True):
    """A rule with its conditions parsed.

    `once`: a default rule that is not about the reader, so that it is asked once per event for everybody.
    `only_without_mentions`: not asked of events with `m.mentions`.
    """

    rule: Rule
    once: bool
    outcome: Outcome
    conditions: tuple[Condition, ...]
    only_without_mentions: bool


class CompiledRules(msgspec.Struct, frozen=True):
    """The enabled rules of a user, the most important first; those of rooms and senders by their id."""

    first: tuple[CompiledRule, ...]
    by_room: dict[str, Outcome]
    by_sender: dict[str, Outcome]
    last: tuple[CompiledRule, ...]


class Recipient(Reader, frozen=True):
    """A local user who might be notified. `rules` is None for who never changed any."""

    rules: CompiledRules | None = None


class Outcomes(msgspec.Struct, frozen=True):
    """`default` is the outcome of every recipient that is not in `exceptions`. The sender is in neither."""

    default: Outcome
    exceptions: dict[UserID, Outcome]

    def of(self, user_id: UserID) -> Outcome:
        """The outcome of one recipient."""
        return self.exceptions.get(user_id, self.default)


def compile_rules(rules: UserRules, *, legacy_mentions: bool) -> CompiledRules:
    """Parse a user's rules; keep the result as long as the rules do not change."""
    return _compile_all(rules, template(legacy_mentions=legacy_mentions), _COMPILED)


def _compile_all(rules: UserRules, defaults: Ruleset, known: Mapping[str, CompiledRule]) -> CompiledRules:
    merged = merge(rules, defaults)

    def compiled(rule: Rule) -> CompiledRule:
        shared = known.get(rule.rule_id)
        return shared if shared and shared.rule is rule else _compile(rule)

    return CompiledRules(
        first=tuple(compiled(rule) for rule in (*merged.override, *merged.content) if rule.enabled),
        by_room=_by_id(merged.room),
        by_sender=_by_id(merged.sender),
        last=tuple(compiled(rule) for rule in merged.underride if rule.enabled),
    )


def _compile(rule: Rule) -> CompiledRule:
    if rule.conditions is None:
        conditions: tuple[Condition, ...] = (parse_body_pattern(rule.pattern),)
    else:
        conditions = tuple(parse_condition(condition) for condition in rule.conditions)
    return CompiledRule(
        rule=rule,
        once=rule.default and not any(is_about_reader(condition) for condition in conditions),
        outcome=read_actions(rule.actions),
        conditions=conditions,
        only_without_mentions=rule.default and rule.rule_id in LEGACY_MENTIONS,
    )


def _by_id(rules: Iterable[Rule]) -> dict[str, Outcome]:
    return {rule.rule_id: read_actions(rule.actions) for rule in rules if rule.enabled}


def read_actions(actions: tuple[Action, ...]) -> Outcome:
    """What the actions of a rule mean. Unknown and historical ones (`dont_notify`, `coalesce`) mean nothing."""
    if "notify" not in actions:
        return SILENT
    tweaks = [
        action for action in actions if isinstance(action, dict) and isinstance(action.get("set_tweak"), str)
    ]
    highlights = [tweak.get("value", True) for tweak in tweaks if tweak["set_tweak"] == "highlight"]
    level = Level.HIGHLIGHT if highlights and highlights[-1] is True else Level.NOTIFY
    return Outcome(level, ("notify", *tweaks))


_DEFAULTS: Final[Mapping[bool, CompiledRules]] = {
    legacy: _compile_all(UserRules(), template(legacy_mentions=legacy), {}) for legacy in (False, True)
}
_COMPILED: Final[Mapping[str, CompiledRule]] = {
    compiled.rule.rule_id: compiled for compiled in (*_DEFAULTS[True].first, *_DEFAULTS[True].last)
}
_NOBODY: Final = Reader(UserID(""))


def evaluate_room(
    event: JsonObject, room: RoomFacts, recipients: Iterable[Recipient], *, legacy_mentions: bool
) -> Outcomes:
    """What an event means to each recipient.

    `event` has at least type, sender, room_id, content, and state_key for state. Recipients are the local joined
    members and, for an invite, the invited. Who has no own rules and is neither in `mentioned_users`, nor the
    state key, nor (with `legacy_mentions`) possibly named in the body, may as well be left out.
    """
    facts = EventFacts(event, room)
    defaults = _DEFAULTS[legacy_mentions]
    default = _outcome(defaults, facts, _NOBODY)
    named = {*mentioned_users(event), event.get("state_key")}
    names_in_body = legacy_mentions and not facts.has_mentions and bool(facts.lowered(BODY))
    exceptions: dict[UserID, Outcome] = {}
    for recipient in recipients:
        if recipient.user_id == event["sender"]:
            continue
        if (
            recipient.rules is None
            and recipient.user_id not in named
            and not (names_in_body and _is_named_in_body(facts, recipient))
        ):
            continue
        outcome = _outcome(recipient.rules or defaults, facts, recipient)
        if outcome != default:
            exceptions[recipient.user_id] = outcome
    return Outcomes(default, exceptions)


def _is_named_in_body(facts: EventFacts, recipient: Recipient) -> bool:
    return facts.body_has_word(localpart_of(recipient.user_id)) or facts.body_has_word(
        recipient.display_name or ""
    )


def _outcome(rules: CompiledRules, facts: EventFacts, reader: Reader) -> Outcome:
    """The outcome of the first rule that matches, in the order of the kinds."""
    found = _first_match(rules.first, facts, reader)
    if found is None and rules.by_room:
        found = rules.by_room.get(str(facts.event["room_id"]))
    if found is None and rules.by_sender:
        found = rules.by_sender.get(str(facts.event["sender"]))
    if found is None:
        found = _first_match(rules.last, facts, reader)
    return SILENT if found is None else found


def _first_match(rules: tuple[CompiledRule, ...], facts: EventFacts, reader: Reader) -> Outcome | None:
    for rule in rules:
        if _holds_once(rule, facts, reader) if rule.once else _holds(rule, facts, reader):
            return rule.outcome
    return None


def _holds_once(rule: CompiledRule, facts: EventFacts, reader: Reader) -> bool:
    rule_id = rule.rule.rule_id
    held = facts.held.get(rule_id)
    if held is None:
        held = facts.held[rule_id] = _holds(rule, facts, reader)
    return held


def _holds(rule: CompiledRule, facts: EventFacts, reader: Reader) -> bool:
    if rule.only_without_mentions and facts.has_mentions:
        return False
    for condition in rule.conditions:  # noqa: SIM110 - `all` with a generator costs twice as much
        if not condition.holds(facts, reader):
            return False
    return True
