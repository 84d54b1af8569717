"""The forms in which events leave for clients, spliced from the exact bytes of the PDU.

Every value is passed on as the bytes it came in (`msgspec.Raw`), so that nothing is decoded or encoded anew and
numbers that only exist in old rooms survive. A redacted event is served from its redacted bytes.

Spec: https://spec.matrix.org/v1.19/client-server-api/#room-event-format
"""

from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from timserver.matrix.relations import Bundle

_REDACTION: Final = "m.room.redaction"


class Unsigned(msgspec.Struct, frozen=True, omit_defaults=True):
    """What this server tells about an event, for one reader. `membership` is the reader's one at the event."""

    age: int | None = None
    transaction_id: str | None = None
    membership: str | None = None
    redacted_because: Raw | None = None
    prev_content: Raw | None = None
    prev_sender: Raw | None = None
    """Not in the spec, but every other homeserver tells it and clients show who had invited whom by it."""
    replaces_state: str | None = None
    invite_room_state: list[Raw] | None = None
    knock_room_state: list[Raw] | None = None
    relations: Bundle | None = msgspec.field(default=None, name="m.relations")


class _Pdu(msgspec.Struct):
    type: str
    sender: Raw
    content: Raw
    origin_server_ts: Raw
    state_key: Raw | UnsetType = UNSET
    redacts: Raw | UnsetType = UNSET


class _ClientEvent(msgspec.Struct, omit_defaults=True):
    type: str
    sender: Raw
    content: Raw
    origin_server_ts: Raw
    event_id: str
    state_key: Raw | UnsetType = UNSET
    redacts: Raw | UnsetType = UNSET
    room_id: str | UnsetType = UNSET
    unsigned: Unsigned | UnsetType = UNSET


class _Stripped(msgspec.Struct, omit_defaults=True):
    type: str
    state_key: Raw
    sender: Raw
    content: Raw


class _Content(msgspec.Struct):
    content: Raw
    sender: Raw


class _EventId(msgspec.Struct):
    event_id: Raw | UnsetType = UNSET


_decode_pdu = msgspec.json.Decoder(_Pdu).decode
_decode_stripped = msgspec.json.Decoder(_Stripped).decode
_decode_content = msgspec.json.Decoder(_Content).decode
_decode_event_id = msgspec.json.Decoder(_EventId).decode
_decode_raw_object = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


def from_pdu(
    pdu: bytes, event_id: str, *, room_id: str | None = None, unsigned: Unsigned | None = None
) -> Raw:
    """The client form of a PDU that was accepted before. `room_id` None leaves it out, as in `/sync`."""
    parsed = _decode_pdu(pdu)
    content: Raw = parsed.content
    redacts: Raw | UnsetType = UNSET
    if parsed.type == _REDACTION:
        content, redacts = _redacts_in_both_places(content, parsed.redacts)
    return Raw(
        _encode(
            _ClientEvent(
                parsed.type,
                parsed.sender,
                content,
                parsed.origin_server_ts,
                event_id,
                parsed.state_key,
                redacts,
                UNSET if room_id is None else room_id,
                UNSET if unsigned is None else unsigned,
            )
        )
    )


def _redacts_in_both_places(content: Raw, redacts: Raw | UnsetType) -> tuple[Raw, Raw | UnsetType]:
    """Older clients read the top level, newer ones the content; before and since room version 11 it is in one."""
    fields = _decode_raw_object(content)
    if redacts is UNSET:
        return content, fields.get("redacts", UNSET)
    if "redacts" in fields:
        return content, redacts
    return Raw(_encode({**fields, "redacts": redacts})), redacts


def stripped(pdu: bytes) -> Raw:
    """The stripped form of a state event: type, state key, sender and content."""
    return Raw(_encode(_decode_stripped(pdu)))


def content_of(pdu: bytes) -> Raw:
    """The content alone, for example for `prev_content`."""
    return _decode_content(pdu).content


def sender_of(pdu: bytes) -> Raw:
    """The sender alone, for `prev_sender`."""
    return _decode_content(pdu).sender


class _MemberContent(msgspec.Struct):
    membership: object = None


class _MemberPdu(msgspec.Struct):
    content: _MemberContent


_decode_member = msgspec.json.Decoder(_MemberPdu).decode


def membership_of(pdu: bytes) -> str:
    """The membership in a stored member event; `leave` for what is none."""
    membership = _decode_member(pdu).content.membership
    return membership if isinstance(membership, str) else "leave"


def federation_form(pdu: bytes, event_id: str) -> Raw:
    """The PDU itself (`event_format: federation`), with its event id where the room version leaves it out."""
    if _decode_event_id(pdu).event_id is not UNSET:
        return Raw(pdu)
    return Raw(b'{"event_id":' + _encode(event_id) + b"," + pdu.lstrip()[1:])
