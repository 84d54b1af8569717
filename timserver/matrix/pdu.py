"""PDUs: the form in which events are signed, stored and sent to other servers; the only maker of `Event`.

`parse` is for PDUs of others, `build_and_sign` for our own. Both enforce the format and the limits, in bytes.
What they do not say: whether signatures are right and whether the event is authorized.

Spec: https://spec.matrix.org/v1.19/server-server-api/#pdus and
https://spec.matrix.org/v1.19/client-server-api/#size-limits
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
import orjson

from timserver.matrix import canonical_json, ids, signing
from timserver.matrix.errors import BadJson, TooLarge
from timserver.matrix.event import Event, get_int, get_list, get_object, get_str
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.redaction import redact
from timserver.matrix.room_versions import EventIdFormat, RoomVersion

PDU_SIZE_BYTES_MAX: Final = 65_536
READ_BYTES_MAX: Final = 2 * PDU_SIZE_BYTES_MAX
FIELD_SIZE_BYTES_MAX: Final = 255
PREV_EVENTS_MAX: Final = 20
AUTH_EVENTS_MAX: Final = 10
INT64_MAX: Final = 2**63 - 1

# A hash has one spelling: the last of the 43 characters carries four bits only.
_EVENT_ID: Final = {
    EventIdFormat.HASH: re.compile(r"\$[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]\Z"),
    EventIdFormat.HASH_URLSAFE: re.compile(r"\$[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z"),
}


class PduTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """What we say in an event of ours, before hashes and signatures."""

    room_id: RoomID | None  # None: the create event of a room whose id is made of it
    sender: UserID
    type: str
    content: JsonObject
    prev_events: tuple[EventID, ...]
    auth_events: tuple[EventID, ...]
    depth: int
    origin_server_ts: int
    state_key: str | None = None
    redacts: EventID | None = None
    # Room versions 1 and 2 only:
    event_id: EventID | None = None
    reference_hashes: Mapping[EventID, str] = msgspec.field(default_factory=dict)


def parse(version: RoomVersion, data: bytes, *, room_id: RoomID | None = None) -> Event:
    """The event in the bytes of a PDU.

    `room_id`, when given, must be the PDU's own. `unsigned` is dropped: anybody may have written it. Raises
    BadJson and TooLarge.
    """
    check_size_before_reading(data)
    pdu = canonical_json.decode_object(data, strict=version.strict_canonical_json)
    pdu.pop("unsigned", None)
    event = _encode_and_read(version, pdu)
    if room_id is not None and event.room_id != room_id:
        raise BadJson("Event belongs to another room")
    return event


def check_size_before_reading(data: bytes) -> None:
    """Refuse what is far too long to be an event, whatever its blanks and escapes. Raises TooLarge."""
    if len(data) > READ_BYTES_MAX:
        raise TooLarge("Event exceeds 65536 bytes")


def from_canonical(version: RoomVersion, data: bytes, event_id: EventID) -> Event:
    """The event of a PDU that is canonical already, without `unsigned`, with its id known. Raises as `parse`."""
    return _to_event(version, orjson.loads(data), data, event_id)


def from_object(version: RoomVersion, pdu: JsonObject) -> Event:
    """The event of a PDU that is decoded already (a template of ours with another server's signature, …)."""
    return _encode_and_read(version, {name: value for name, value in pdu.items() if name != "unsigned"})


def to_object(version: RoomVersion, event: Event) -> dict[str, JsonValue]:
    """The PDU as JSON."""
    return decode(version, event.pdu)


def decode(version: RoomVersion, data: bytes) -> dict[str, JsonValue]:
    """The PDU in stored bytes as JSON."""
    return canonical_json.decode_object(data, strict=version.strict_canonical_json)


def redacted(version: RoomVersion, event: Event) -> Event:
    """The redacted copy of an event; its id stays the same."""
    return msgspec.structs.replace(
        _encode_and_read(version, redact(version, to_object(version, event))), rejected=event.rejected
    )


def build_and_sign(
    version: RoomVersion, template: PduTemplate, *, server_name: ServerName, signing_key: signing.SigningKey
) -> Event:
    """Our own event: hashed, signed and measured. Raises BadJson and TooLarge when the content is at fault."""
    pdu = unhashed(version, template)
    pdu["hashes"] = hashes = {"sha256": signing.content_hash(version, pdu)}
    signed = signing.sign_event(version, pdu, server_name, signing_key)
    return event_of_template(
        version,
        template,
        event_id=signing.event_id(version, pdu),
        data=canonical_json.encode(signed, strict=version.strict_canonical_json),
        hashes=hashes,
        signatures=_object(signed, "signatures"),
    )


def unhashed(version: RoomVersion, template: PduTemplate) -> dict[str, JsonValue]:
    """The PDU before hash and signature."""
    pdu: dict[str, JsonValue] = {
        "auth_events": _references(version, template, template.auth_events),
        "content": _content(version, template),
        "depth": min(template.depth, canonical_json.INTEGER_MAX),
        "origin_server_ts": template.origin_server_ts,
        "prev_events": _references(version, template, template.prev_events),
        "sender": template.sender,
        "type": template.type,
    }
    optional = {
        "room_id": template.room_id,
        "state_key": template.state_key,
        "redacts": None if version.redacts_in_content else template.redacts,
        "event_id": template.event_id,
    }
    pdu |= {name: value for name, value in optional.items() if value is not None}
    assert ("event_id" in pdu) == (version.event_id_format is EventIdFormat.GIVEN)
    return pdu


def event_of_template(
    version: RoomVersion,
    template: PduTemplate,
    *,
    event_id: EventID,
    data: bytes,
    hashes: JsonObject,
    signatures: JsonObject,
) -> Event:
    """The event that was made of our template. Raises TooLarge when it cannot be sent."""
    _check_size(data)
    assert len(template.prev_events) <= PREV_EVENTS_MAX
    assert len(template.auth_events) <= AUTH_EVENTS_MAX
    for name in ("type", "state_key", "sender", "room_id", "event_id"):
        _check_field_size(name, getattr(template, name))
    assert template.room_id is not None or (version.room_id_is_create_hash and not template.prev_events)
    return Event(
        event_id=event_id,
        room_id=template.room_id or room_id_of(event_id),
        sender=template.sender,
        type=template.type,
        state_key=template.state_key,
        content=_content(version, template),
        origin_server_ts=template.origin_server_ts,
        depth=min(template.depth, canonical_json.INTEGER_MAX),
        prev_events=template.prev_events,
        auth_events=template.auth_events,
        redacts=template.redacts,
        hashes=hashes,
        signatures=signatures,
        pdu=data,
    )


def has_long_fields(event: Event) -> bool:
    """Whether a field exceeds its 255 bytes, though not 255 characters.

    Differs from the spec, by which it is no event at all: there are rooms in which other servers took it for one, and
    what follows it would be lost. It is kept, and rejected.
    """
    return any(len(value.encode()) > FIELD_SIZE_BYTES_MAX for value in (event.type, event.state_key or ""))


def required_signers(version: RoomVersion, event: Event) -> frozenset[ServerName]:
    """The servers whose signatures the event must bear to be valid.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#validating-hashes-and-signatures-on-received-events
    """
    signers: set[ServerName] = set()
    by_third_party = event.type == "m.room.member" and event.membership == "invite"
    if not (by_third_party and "third_party_invite" in event.content):
        signers.add(ids.server_name_of(event.sender))
    if version.event_id_format is EventIdFormat.GIVEN:
        signers.add(ServerName(event.event_id.partition(":")[2]))
    authorising_user = authorising_user_of(version, event)
    if authorising_user is not None:
        signers.add(ids.server_name_of(authorising_user))
    return frozenset(signers)


def authorising_user_of(version: RoomVersion, event: Event) -> UserID | None:
    """Who let a user in by a restricted join, when the event names somebody."""
    if not version.restricted or event.type != "m.room.member":
        return None
    user_id = get_str(event.content, "join_authorised_via_users_server")
    return UserID(user_id) if user_id is not None else None


def _content(version: RoomVersion, template: PduTemplate) -> JsonObject:
    if version.redacts_in_content and template.redacts is not None:
        return {**template.content, "redacts": template.redacts}
    return template.content


def _references(version: RoomVersion, template: PduTemplate, event_ids: tuple[EventID, ...]) -> JsonValue:
    if version.event_id_format is EventIdFormat.GIVEN:
        return [[event_id, {"sha256": template.reference_hashes[event_id]}] for event_id in event_ids]
    return list(event_ids)


def _encode_and_read(version: RoomVersion, pdu: JsonObject) -> Event:
    return _to_event(version, pdu, canonical_json.encode(pdu, strict=version.strict_canonical_json), None)


def _to_event(version: RoomVersion, pdu: JsonObject, data: bytes, event_id: EventID | None) -> Event:
    _check_size(data)
    try:
        return _read_fields(version, pdu, data, event_id)
    except ids.InvalidID as error:
        raise BadJson(inner=str(error)) from error


def _read_fields(version: RoomVersion, pdu: JsonObject, data: bytes, event_id: EventID | None) -> Event:
    event_type = _text(pdu, "type")
    content = _object(pdu, "content")
    sender = ids.parse_user_id(_text(pdu, "sender"))
    hashes = _object(pdu, "hashes")
    if get_str(hashes, "sha256") is None:
        raise BadJson("Event has no hash")
    if event_id is None or version.event_id_format is EventIdFormat.GIVEN:
        event_id = _event_id(version, pdu)
    return Event(
        event_id=event_id,
        room_id=_room_id(version, pdu, event_type, event_id),
        sender=sender,
        type=event_type,
        state_key=_text(pdu, "state_key") if "state_key" in pdu else None,
        content=content,
        origin_server_ts=_integer(pdu, "origin_server_ts", -INT64_MAX),
        depth=_integer(pdu, "depth", 0),
        prev_events=_event_ids(version, pdu, "prev_events", PREV_EVENTS_MAX),
        auth_events=_event_ids(version, pdu, "auth_events", AUTH_EVENTS_MAX),
        redacts=_redacts(version, pdu, event_type, content),
        hashes=hashes,
        signatures=_signatures(pdu),
        pdu=data,
    )


def _check_size(data: bytes) -> None:
    if len(data) > PDU_SIZE_BYTES_MAX:
        raise TooLarge("Event exceeds 65536 bytes")


def _check_field_size(name: str, value: str | None) -> None:
    if value is not None and len(value.encode()) > FIELD_SIZE_BYTES_MAX:
        raise TooLarge(f"{name} exceeds 255 bytes")


def _text(pdu: JsonObject, name: str) -> str:
    """At most 255 characters: that many bytes is the limit, but servers have sent more (`has_long_fields`)."""
    value = get_str(pdu, name)
    if value is None:
        raise BadJson(f"Event has no {name}")
    if len(value) > FIELD_SIZE_BYTES_MAX:
        raise TooLarge(f"{name} exceeds 255 bytes")
    return value


def _object(pdu: JsonObject, name: str) -> JsonObject:
    value = get_object(pdu, name)
    if value is None:
        raise BadJson(f"Event has no {name}")
    return value


def _integer(pdu: JsonObject, name: str, minimum: int) -> int:
    value = get_int(pdu, name)
    if value is None or not minimum <= value <= INT64_MAX:
        raise BadJson(f"Event has no {name} in range")
    return value


def _signatures(pdu: JsonObject) -> JsonObject:
    signatures = _object(pdu, "signatures")
    for by_signer in signatures.values():
        if not isinstance(by_signer, dict) or not all(isinstance(text, str) for text in by_signer.values()):
            raise BadJson("Event has malformed signatures")
    return signatures


def _event_ids(version: RoomVersion, pdu: JsonObject, name: str, count_max: int) -> tuple[EventID, ...]:
    references = get_list(pdu, name)
    if references is None or len(references) > count_max:
        raise BadJson(f"Event has no {name}, or too many")
    return tuple(_reference(version, reference) for reference in references)


def _reference(version: RoomVersion, reference: JsonValue) -> EventID:
    if version.event_id_format is EventIdFormat.GIVEN:
        if not isinstance(reference, list) or len(reference) != 2 or not isinstance(reference[1], dict):
            raise BadJson("Event refers to others without their hashes")
        reference = reference[0]
    return parse_event_id(version, reference)


def parse_event_id(version: RoomVersion, value: JsonValue) -> EventID:
    """An event id as rooms of this version have it, in its only spelling. Raises BadJson."""
    if not isinstance(value, str):
        raise BadJson("Not an event ID")
    pattern = _EVENT_ID.get(version.event_id_format)
    well_formed = pattern.match(value) if pattern else ":" in value
    if not well_formed:
        raise BadJson("Not an event ID of this room version")
    return ids.parse_event_id(value)


def _event_id(version: RoomVersion, pdu: JsonObject) -> EventID:
    if version.event_id_format is EventIdFormat.GIVEN:
        return parse_event_id(version, pdu.get("event_id"))
    return signing.event_id(version, pdu)


def _room_id(version: RoomVersion, pdu: JsonObject, event_type: str, event_id: EventID) -> RoomID:
    if version.room_id_is_create_hash and event_type == "m.room.create" and "room_id" not in pdu:
        return room_id_of(event_id)
    return ids.parse_room_id(_text(pdu, "room_id"))


def room_id_of(create_event_id: EventID) -> RoomID:
    """The id of a room that is named after its create event (from version 12)."""
    return RoomID("!" + create_event_id[1:])


def _redacts(version: RoomVersion, pdu: JsonObject, event_type: str, content: JsonObject) -> EventID | None:
    if event_type != "m.room.redaction":
        return None
    value = get_str(content if version.redacts_in_content else pdu, "redacts")
    try:
        return ids.parse_event_id(value) if value is not None else None
    except ids.InvalidID:
        return None
