"""Stories of the corpus (`tests/corpus`) on which an oracle differs, by cause; what `deviations` cannot imitate."""

from typing import Final

import msgspec

from conformance.oracles.deviations import GOMATRIXSERVERLIB, RUMA, RUMA_BY_LETTER, Right

_SPEC: Final = "https://spec.matrix.org/v1.19/"
_RULES: Final = _SPEC + "rooms/v12/#authorisation-rules"


class Cause(msgspec.Struct, frozen=True):
    """Why an oracle answers otherwise in these stories; "asking": the question itself cannot be put to it."""

    oracles: tuple[str, ...]
    does: str
    spec: str
    says: str
    right: Right | str
    stories: tuple[str, ...]


CAUSES: Final = (
    Cause(
        (GOMATRIXSERVERLIB,),
        "reads the keys of third-party invites from public_keys alone",
        _RULES,
        "5.4.1.7: A single public key in the public_key property. A list of public keys in the public_keys property.",
        "we",
        (
            "mail_claimed", "mail_claimed_on_two_forks", "mail_claimed_against_withdrawal",
            "mail_claimed_before_withdrawal", "mail_reused_after_kick", "mail_reused_after_ban", "mail_used_again",
            "mail_for_a_member", "mail_of_who_left", "mail_of_who_was_demoted", "mail_claim_redacted",
            "mail_claim_redacted_of_who_left",
        ),
    ),
    Cause(
        (RUMA, GOMATRIXSERVERLIB),
        "takes third_party_invite: null as if it were absent",
        _RULES,
        "5.4.1: If content has a third_party_invite property … does not have a signed property, reject.",
        "we",
        ("mail_null",),
    ),
    Cause(
        (RUMA, RUMA_BY_LETTER),
        "does not read levels that are floats, nulls or beyond 2^53, as old rooms may have (documented)",
        _SPEC + "rooms/v1/#mroompower_levels-events-accept-values-as-floats",
        "When the value is a float … the value is truncated at the decimal point",
        "we",
        (
            "levels_as_float", "levels_of_2_to_53", "change_float_within_the_integer", "levels_user_level_as_float",
            "levels_notifications_null", "level_as_float", "level_as_exponent",
        ),
    ),
    Cause(
        (RUMA, GOMATRIXSERVERLIB),
        "does not look at room_version in a create event (gomatrixserverlib: before version 12)",
        _RULES,
        "1.3: If content.room_version is present and is not a recognised version, reject.",
        "we",
        ("create_of_an_unknown_version", "create_whose_version_is_a_number"),
    ),
    Cause(
        (RUMA, GOMATRIXSERVERLIB),
        "leaves it to its caller that what authorizes is accepted, of the room, and that signatures are there",
        _RULES,
        "2: … is not an accepted m.room.create event, reject; 5.2.1: If the event is not validly signed …, reject.",
        "asking",
        (
            "room_with_rejected_beginning", "message_of_another_room", "restricted_join_unsigned",
            "restricted_join_signed_by_another", "signed_for_without_need", "signed_for_with_a_leave",
            "signed_for_with_a_ban",
        ),
    ),
    Cause(
        (RUMA, GOMATRIXSERVERLIB),
        "refuses all events of a room whose m.federate is no boolean",
        _RULES,
        "4: If the content of the m.room.create event … has the property m.federate set to false …",
        "we",
        ("closed_room_in_words",),
    ),
    Cause(
        (RUMA, GOMATRIXSERVERLIB),
        "is asked by version 12 ids that are replaced on the way (an event id must be a hash), so it cannot see them",
        _RULES,
        "1.2: If the event has a room_id, reject.",
        "asking",
        (
            "create_with_an_id_that_is_not_its_own", "two_creates_of_one_room", "change_by_an_additional_creator",
            "create_redacted_creators", "additional_creator_without_level", "closed_room_join_from_inside",
            "room_federates_explicitly",
        ),
    ),
    Cause(
        (GOMATRIXSERVERLIB,),
        "takes null for absent wherever a level, a map of levels or additional_creators may stand",
        _RULES,
        "10.1: … are present and not an integer, reject. 10.3: If the users property … is not an object …, reject.",
        "we",
        (
            "levels_users_null", "levels_user_level_null", "levels_ban_null", "levels_events_level_null",
            "levels_notifications_null", "additional_creators_null",
        ),
    ),
    Cause(
        (GOMATRIXSERVERLIB,),
        "refuses historical user ids as keys of users",
        _SPEC + "appendices/#historical-user-ids",
        "servers MUST accept user IDs with localparts consisting of any legal non-surrogate Unicode code points except …",
        "we",
        ("levels_user_of_old",),
    ),
    Cause(
        (GOMATRIXSERVERLIB,),
        "takes the room version from the create event's content, and version 1 when it says nothing",
        _SPEC + "rooms/v3/#authorization-rules",
        "m.room.redaction events are subject to auth rules in the same way as any other event.",
        "asking",
        (
            "redaction_by_moderator", "redaction_of_own_server", "redaction_of_other_server",
            "redaction_with_higher_level", "redaction_for_everybody", "redaction_of_nothing",
        ),
    ),
    Cause(
        (GOMATRIXSERVERLIB,),
        "takes the sender of the create event for the creator, whoever content.creator names",
        _SPEC + "rooms/v1/#authorization-rules",
        "If the only previous event is an m.room.create and the state_key is the creator, allow.",
        "we",
        ("levels_missing_named_creator", "first_join_named_creator", "first_join_sender_is_not_the_creator"),
    ),
    Cause(
        (GOMATRIXSERVERLIB,),
        "takes power levels that have a text which is no integer as if there were none at all",
        _SPEC + "client-server-api/#mroompower_levels",
        "If a user_id is in the users list, then that user_id has the associated power level.",
        "we",
        ("level_as_text_that_is_none", "level_as_decimal_text"),
    ),
    Cause(
        (GOMATRIXSERVERLIB,),
        "refuses to lower a notification level that equals the sender's",
        _RULES,
        "10.7.1: If the current value is greater than the sender's current power level, reject.",
        "we",
        ("change_notification_within",),
    ),
    Cause(
        (GOMATRIXSERVERLIB,),
        "lets who knocked leave in rooms before knocking, too",
        _SPEC + "rooms/v1/#authorization-rules",
        "allow if and only if that user's current membership state is invite or join",
        "we",
        ("knock_taken_back",),
    ),
)  # fmt: skip

EXPECTED: Final = frozenset(
    (oracle, story) for cause in CAUSES for oracle in cause.oracles for story in cause.stories
)
