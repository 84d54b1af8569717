"""The room versions as data: each is the one before, except for what it changed. Nobody compares version strings.

Spec: https://spec.matrix.org/v1.19/rooms/
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

import msgspec


class EventIdFormat(Enum):
    """Where an event's id comes from, and how it is written."""

    GIVEN = "given"  # chosen by the sender and part of the PDU; references carry hashes
    HASH = "hash"  # `$` + reference hash in standard base64
    HASH_URLSAFE = "hash_urlsafe"  # `$` + reference hash in URL-safe base64


class StateResolution(Enum):
    """The algorithm that makes one state out of several."""

    V1 = "v1"
    V2 = "v2"
    V2_1 = "v2.1"


class RoomVersion(msgspec.Struct, frozen=True):
    """What a room version changes in behavior, one field per change."""

    identifier: str

    event_id_format: EventIdFormat
    state_resolution: StateResolution

    # Event format
    strict_canonical_json: bool
    enforce_key_validity: bool
    redacts_in_content: bool
    room_id_is_create_hash: bool

    # Authorization
    special_aliases_auth: bool
    redaction_auth: bool
    notification_levels_auth: bool
    knock: bool
    restricted: bool
    knock_restricted: bool
    integer_power_levels: bool
    creator_is_sender: bool
    privileged_creators: bool

    # Redaction: what survives
    redaction_keeps_aliases: bool
    redaction_keeps_allow: bool
    redaction_keeps_authorising_user: bool
    redaction_v11: bool


_V1: Final = RoomVersion(
    identifier="1",
    event_id_format=EventIdFormat.GIVEN,
    state_resolution=StateResolution.V1,
    strict_canonical_json=False,
    enforce_key_validity=False,
    redacts_in_content=False,
    room_id_is_create_hash=False,
    special_aliases_auth=True,
    redaction_auth=True,
    notification_levels_auth=False,
    knock=False,
    restricted=False,
    knock_restricted=False,
    integer_power_levels=False,
    creator_is_sender=False,
    privileged_creators=False,
    redaction_keeps_aliases=True,
    redaction_keeps_allow=False,
    redaction_keeps_authorising_user=False,
    redaction_v11=False,
)
_but = msgspec.structs.replace
_V2: Final = _but(_V1, identifier="2", state_resolution=StateResolution.V2)
_V3: Final = _but(_V2, identifier="3", event_id_format=EventIdFormat.HASH, redaction_auth=False)
_V4: Final = _but(_V3, identifier="4", event_id_format=EventIdFormat.HASH_URLSAFE)
_V5: Final = _but(_V4, identifier="5", enforce_key_validity=True)
_V6: Final = _but(
    _V5,
    identifier="6",
    strict_canonical_json=True,
    special_aliases_auth=False,
    notification_levels_auth=True,
    redaction_keeps_aliases=False,
)
_V7: Final = _but(_V6, identifier="7", knock=True)
_V8: Final = _but(_V7, identifier="8", restricted=True, redaction_keeps_allow=True)
_V9: Final = _but(_V8, identifier="9", redaction_keeps_authorising_user=True)
_V10: Final = _but(_V9, identifier="10", knock_restricted=True, integer_power_levels=True)
_V11: Final = _but(
    _V10,
    identifier="11",
    creator_is_sender=True,
    redacts_in_content=True,
    redaction_v11=True,
)
_V12: Final = _but(
    _V11,
    identifier="12",
    room_id_is_create_hash=True,
    privileged_creators=True,
    state_resolution=StateResolution.V2_1,
)

ROOM_VERSIONS: Final[Mapping[str, RoomVersion]] = MappingProxyType(
    {
        version.identifier: version
        for version in (_V1, _V2, _V3, _V4, _V5, _V6, _V7, _V8, _V9, _V10, _V11, _V12)
    }
)
