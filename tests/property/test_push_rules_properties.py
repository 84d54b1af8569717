"""Asked all at once, everybody gets what they would get asked alone with their complete rules."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from timserver.matrix.ids import UserID
from timserver.matrix.push_rules import changes, defaults, evaluation
from timserver.matrix.push_rules.conditions import RoomFacts
from timserver.matrix.push_rules.evaluation import Recipient
from timserver.matrix.push_rules.rules import Kind, RuleBody, UserRules, encode_user_rules, parse_user_rules

USERS = [UserID(f"@{name}:example.org") for name in ("alice", "bob", "carol", "dave")]
ROOMS = ["!ward:example.org", "!other:example.org"]

contents = st.fixed_dictionaries(
    {},
    optional={
        "body": st.text(alphabet="abo @r", max_size=8) | st.sampled_from(["hey bob", "@room", "Dr. Carol"]),
        "msgtype": st.sampled_from(["m.text", "m.notice"]),
        "membership": st.sampled_from(["invite", "join"]),
        "m.mentions": st.fixed_dictionaries(
            {}, optional={"user_ids": st.lists(st.sampled_from(USERS), max_size=2), "room": st.booleans()}
        ),
        "m.relates_to": st.just({"rel_type": "m.replace", "event_id": "$e"}),
    },
)
events = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["m.room.message", "m.room.encrypted", "m.room.member", "m.reaction"]),
        "sender": st.sampled_from(USERS),
        "room_id": st.sampled_from(ROOMS),
        "content": contents,
    },
    optional={"state_key": st.sampled_from([*USERS, ""])},
)
rooms = st.tuples(
    st.integers(2, 3), st.sampled_from([0, 50, float("inf")]), st.sampled_from([{}, {"room": 0}])
).map(lambda facts: RoomFacts(*facts))
bodies = st.builds(
    RuleBody,
    actions=st.sampled_from([(), ("notify",), ("notify", {"set_tweak": "highlight"})]),
    conditions=st.just(({"kind": "event_match", "key": "content.body", "pattern": "b*"},)),
    pattern=st.sampled_from(["bob", "*", "a?"]),
)
changes_of_a_user = st.lists(
    st.tuples(st.sampled_from(list(Kind)), st.sampled_from(["x", *ROOMS, *USERS]), bodies), max_size=3
)


def rules_of(own: list[tuple[Kind, str, RuleBody]]) -> UserRules:
    rules = UserRules()
    for kind, rule_id, body in own:
        rules = changes.put_rule(rules, kind, rule_id, body, before=None, after=None, count_max=9)
    return rules


@given(
    event=events,
    room=rooms,
    own=st.lists(st.none() | changes_of_a_user, min_size=4, max_size=4),
    names=st.lists(st.sampled_from([None, "Dr. Carol", "bob", ""]), min_size=4, max_size=4),
    legacy=st.booleans(),
)
def test_all_at_once_equals_one_by_one(
    event: Any, room: RoomFacts, own: Any, names: Any, legacy: bool
) -> None:
    def recipients(*, always: bool) -> list[Recipient]:
        return [
            Recipient(
                user_id,
                name,
                evaluation.compile_rules(rules_of(mine or []), legacy_mentions=legacy)
                if always or mine is not None
                else None,
            )
            for user_id, name, mine in zip(USERS, names, own, strict=True)
        ]

    together = evaluation.evaluate_room(event, room, recipients(always=False), legacy_mentions=legacy)
    assert event["sender"] not in together.exceptions
    for recipient in recipients(always=True):
        if recipient.user_id != event["sender"]:
            alone = evaluation.evaluate_room(event, room, [recipient], legacy_mentions=legacy)
            assert together.of(recipient.user_id) == alone.of(recipient.user_id)


@given(changes_of_a_user)
def test_what_is_stored_is_what_was_meant(own: list[tuple[Kind, str, RuleBody]]) -> None:
    rules = rules_of(own)
    assert parse_user_rules(encode_user_rules(rules)) == rules
    merged = changes.merge(rules, defaults.default_rules(USERS[0], legacy_mentions=True))
    for kind in Kind:
        assert len({rule.rule_id for rule in merged.of(kind)}) == len(merged.of(kind))
