"""The table of known deviations: which oracle, what it does otherwise, what the spec says, and who is right.

`imitations` has the code of each. A deviation that the spec leaves open is decided by what most servers do.
"""

from typing import Final, Literal

import msgspec

from timserver.matrix.room_versions import StateResolution

_SPEC: Final = "https://spec.matrix.org/v1.19/"
_RULES: Final = _SPEC + "rooms/v12/#authorisation-rules"
_RESOLUTION: Final = _SPEC + "rooms/v12/#state-resolution"
_REDACTIONS: Final = _SPEC + "rooms/v11/#redactions"

Right = Literal["we", "they", "open"]  # open: the spec does not say; the reason tells why we do as we do


class Deviation(msgspec.Struct, frozen=True):
    """One way in which an oracle differs from us."""

    oracle: str
    name: str
    does: str
    spec: str
    says: str
    right: Right
    reason: str = ""


RUMA: Final = "ruma"
RUMA_BY_LETTER: Final = "ruma by letter"
GOMATRIXSERVERLIB: Final = "gomatrixserverlib"

TABLE: Final = (
    Deviation(
        RUMA,
        "join_without_join_rules",
        "refuses every join to a room without m.room.join_rules, even of somebody who is in it",
        _RULES,
        "5.3.4: If the join_rule is invite or knock, allow if membership state is invite or join.",
        "open",
        "The spec does not say what the rule is while nobody has set one. Synapse and gomatrixserverlib take it as "
        '"invite"; rooms that lose their join rules in a resolution would else lose their members one by one.',
    ),
    Deviation(
        RUMA,
        "defaults_as_values",
        "takes a level that is removed from (or not yet in) the power levels as if the default were written there",
        _RULES,
        "10.6.2: If the new value is higher than the sender's current power level, reject.",
        "we",
        "What is removed has no new value. Synapse reads it as we do.",
    ),
    Deviation(
        RUMA,
        "third_party_invite_of_any_type",
        "keeps a third_party_invite that is no object when it redacts m.room.member",
        _REDACTIONS,
        "m.room.member … Additionally, it allows the signed key of the third_party_invite key.",
        "we",
        "What is no object has no key `signed`. Synapse drops it.",
    ),
    Deviation(
        RUMA_BY_LETTER,
        "state_not_in_its_own_chain",
        "does not count the events of a state as part of its auth chain (what ruma is asked here, not what it does)",
        _RESOLUTION,
        "calculating the full auth chain for each state, that is the union of the auth chains for each event",
        "open",
        "By the letter an event that all states have can be in the auth difference, and is then applied again. "
        "Synapse, and ruma's own tests, count the events themselves; rooms only stay one when all do the same.",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "leave_of_absent",
        "lets anybody leave who has left, or never was there",
        _RULES,
        "5.5.1: allow if and only if that user's current membership state is invite, join, or knock.",
        "we",
        'Its own comment calls it "NOTSPEC".',
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "aliases_in_all_versions",
        "lets every server set its m.room.aliases without being in the room, in every room version",
        _SPEC + "rooms/v6/#authorization-rules",
        "Rule 4, which related specifically to events of type m.room.aliases, is removed.",
        "we",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "effective_levels",
        "compares the levels that count, written down or not, instead of the entries, and not users_default",
        _RULES,
        "10.9: For each entry being changed in, or removed from, the users property …",
        "we",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "join_by_any_rule",
        "lets who is in the room or invited join again whatever the join rule is, takes knock_restricted as "
        "restricted before version 10, and refuses who knocks and then joins a public room",
        _RULES,
        "5.3.4 to 5.3.7: If the join_rule is public, allow. Otherwise, reject.",
        "we",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "join_rule_kept",
        "remembers, within one resolution, the join rule as public or invite after a restricted join",
        _RULES,
        "5.3.5: If the join_rule is restricted or knock_restricted …",
        "we",
        "The rule is a fact of the state, not of the event before.",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "creator_joined_by_another",
        "wants the creator's first join to be sent by the creator",
        _RULES,
        "5.3.1: If the only previous event is an m.room.create and the state_key is the sender of m.room.create, "
        "allow.",
        "we",
        "The rule comes before 5.3.2, which asks for the sender. Synapse and ruma read it as we do.",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "unban_by_ban_level",
        "lets lift a ban by the ban level alone",
        _RULES,
        "5.5.4: If the sender's power level is greater than or equal to the kick level, and the target user's power "
        "level is less than the sender's power level, allow.",
        "we",
        "5.5.3 only rejects; who passes it still has to pass 5.5.4.",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "knock_restricted_before_v10",
        "takes knock_restricted as knock in versions 7 to 9",
        _SPEC + "rooms/v7/#authorization-rules",
        "If the join_rule is anything other than knock, reject.",
        "we",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "third_party_invite_redacted",
        "drops third_party_invite as a whole when it redacts m.room.member, from version 11",
        _REDACTIONS,
        "m.room.member … Additionally, it allows the signed key of the third_party_invite key.",
        "we",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "keys_dropped_when_read",
        "drops outlier, destinations and age_ts from a PDU before it checks the content hash",
        _SPEC + "server-server-api/#calculating-the-content-hash-for-an-event",
        "First, any existing unsigned, signatures, and hashes properties are removed.",
        "we",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "own_event_as_auth_event",
        "where the state lacks what authorizes an event, takes the event itself instead of its auth event",
        _RESOLUTION,
        "the appropriate state event from the event's auth_events is used if the auth event is not rejected",
        "we",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "ordering_from_the_end",
        "orders power events from the last one backwards, and puts those first that it lists twice",
        _RESOLUTION,
        "at each step selecting, among all the candidate vertices, the smallest vertex",
        "we",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "power_events_of_conflicted_state",
        "follows auth chains of power events through the conflicted state only",
        _RESOLUTION,
        "enlarge X by adding the events in the auth chain of P which also belong to the full conflicted set",
        "we",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "mainline_steps",
        "puts events without mainline beside the oldest power levels, and counts steps to the mainline",
        _RESOLUTION,
        "Otherwise set i = ∞ … x's origin_server_ts is less than y's origin_server_ts",
        "we",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "no_level_without_power_levels",
        "gives the creator level 0 when an event cites no power levels",
        _SPEC + "client-server-api/#mroompower_levels",
        "If the room contains no m.room.power_levels event, the room's creator has a power level of 100",
        "we",
    ),
    Deviation(
        GOMATRIXSERVERLIB,
        "rejected_candidates",
        "applies events that were rejected",
        _SPEC + "server-server-api/#rejection",
        "not updating with the rejected event where it is a state event",
        "we",
    ),
)

NOT_SUPPORTED: Final[dict[tuple[str, StateResolution], str]] = {
    (RUMA, StateResolution.V1): 'does not have it, as its documentation says ("is not implemented")',
    (RUMA_BY_LETTER, StateResolution.V1): "as above",
    (GOMATRIXSERVERLIB, StateResolution.V2_1): (
        "its comment calls it untested, and it cannot work: it looks for the create event in the resolved state, with "
        "which v2.1 does not begin, and panics as soon as there is a power event"
    ),
}
