"""The own push rules about a room, repeated for the room that replaces it.

Spec: https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
"""

from collections.abc import Iterable

from msgspec.structs import replace

from timserver.matrix.ids import RoomID
from timserver.matrix.push_rules.changes import RULE_ID_LENGTH_MAX
from timserver.matrix.push_rules.rules import ConditionJson, Kind, Rule, Ruleset, UserRules


def succeed(rules: UserRules, old: RoomID, new: RoomID, *, count_max: int) -> UserRules:
    """Each rule that names the old room is followed by one for the new room, unless there is one already.

    The old room keeps its rules: it can still be read. A kind that is full stays as it is.
    """
    own = Ruleset(*(_succeed_kind(rules.own.of(kind), old, new, count_max) for kind in Kind))
    return rules if own == rules.own else replace(rules, own=own)


def _succeed_kind(rules: Iterable[Rule], old: RoomID, new: RoomID, count_max: int) -> tuple[Rule, ...]:
    known = list(rules)
    ids = {rule.rule_id for rule in known}
    room_left = count_max - len(known)
    succeeded: list[Rule] = []
    for rule in known:
        succeeded.append(rule)
        if not _is_about(rule, old):
            continue
        rule_id = new if rule.rule_id == old else f"{rule.rule_id.removesuffix(f':{old}')}:{new}"
        if rule_id in ids or room_left <= 0 or len(rule_id) > RULE_ID_LENGTH_MAX:
            continue
        conditions = None if rule.conditions is None else _repeated(rule.conditions, old, new)
        succeeded.append(replace(rule, rule_id=rule_id, conditions=conditions))
        room_left -= 1
    return tuple(succeeded)


def _is_about(rule: Rule, room_id: RoomID) -> bool:
    return rule.rule_id == room_id or any(_names(item, room_id) for item in rule.conditions or ())


def _repeated(conditions: Iterable[ConditionJson], old: RoomID, new: RoomID) -> tuple[ConditionJson, ...]:
    return tuple({**item, "pattern": new} if _names(item, old) else item for item in conditions)


def _names(condition: ConditionJson, room_id: RoomID) -> bool:
    matches = condition.get("kind") == "event_match" and condition.get("key") == "room_id"
    return matches and condition.get("pattern") == room_id
