"""Event types that every server knows, with fixed numbers: they need no dictionary entry in any tenant.

Stored data depends on the numbers: append, never reorder. A type's number is its place + 1; the number of its state
key (type, "") is `EMPTY_KEY` more. Numbers of the dictionary begin at 4096.
"""

from collections.abc import Mapping
from typing import Final

EMPTY_KEY: Final = 1000

WELL_KNOWN: Final = (
    "m.room.create",
    "m.room.member",
    "m.room.power_levels",
    "m.room.join_rules",
    "m.room.history_visibility",
    "m.room.guest_access",
    "m.room.name",
    "m.room.topic",
    "m.room.avatar",
    "m.room.canonical_alias",
    "m.room.encryption",
    "m.room.message",
    "m.room.encrypted",
    "m.room.redaction",
    "m.reaction",
    "m.sticker",
    "m.room.tombstone",
    "m.room.third_party_invite",
    "m.room.server_acl",
    "m.room.pinned_events",
    "m.space.child",
    "m.space.parent",
    "m.room.aliases",
    "m.room.policy",
    "m.call.invite",
    "m.call.candidates",
    "m.call.answer",
    "m.call.hangup",
    "m.key.verification.start",
    "m.key.verification.accept",
    "m.key.verification.key",
    "m.key.verification.mac",
    "m.key.verification.cancel",
    "m.key.verification.done",
    "m.key.verification.ready",
    "de.gematik.tim.room.name",
    "de.gematik.tim.room.topic",
)

TYPE_NIDS: Final[Mapping[str, int]] = {name: place + 1 for place, name in enumerate(WELL_KNOWN)}

CREATE: Final = TYPE_NIDS["m.room.create"]
MEMBER: Final = TYPE_NIDS["m.room.member"]
POWER_LEVELS: Final = TYPE_NIDS["m.room.power_levels"]
HISTORY_VISIBILITY: Final = TYPE_NIDS["m.room.history_visibility"]
NAME: Final = TYPE_NIDS["m.room.name"]
CANONICAL_ALIAS: Final = TYPE_NIDS["m.room.canonical_alias"]
REDACTION: Final = TYPE_NIDS["m.room.redaction"]
ENCRYPTION: Final = TYPE_NIDS["m.room.encryption"]
SERVER_ACL: Final = TYPE_NIDS["m.room.server_acl"]
POLICY: Final = TYPE_NIDS["m.room.policy"]

CREATE_KEY: Final = CREATE + EMPTY_KEY
POWER_LEVELS_KEY: Final = POWER_LEVELS + EMPTY_KEY
HISTORY_VISIBILITY_KEY: Final = HISTORY_VISIBILITY + EMPTY_KEY
ENCRYPTION_KEY: Final = ENCRYPTION + EMPTY_KEY
SERVER_ACL_KEY: Final = SERVER_ACL + EMPTY_KEY
POLICY_KEY: Final = POLICY + EMPTY_KEY
