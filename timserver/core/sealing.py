"""Our own events and those of others, through the engine in one call each.

What it must do is said by `matrix.pdu`: `seal` is `pdu.build_and_sign`, `open_pdu` is `pdu.parse` with the hash
check and the bytes to verify. Rooms of versions 1 to 5 with floats or big integers go that way, too: the engine
reads strictly.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import orjson

from timserver.core.choice import HAS_ENGINE, canonical_json, check_json
from timserver.core.definition.json_check import DEPTH_MAX
from timserver.matrix import canonical_json as canonical
from timserver.matrix import pdu, signing
from timserver.matrix.errors import BadJson, TooLarge
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, ServerName
from timserver.matrix.room_versions import EventIdFormat, RoomVersion

if HAS_ENGINE:
    from timserver.core import engine

_ID_BITS: Final = {EventIdFormat.GIVEN: 0, EventIdFormat.HASH: 16, EventIdFormat.HASH_URLSAFE: 48}


class OpenedPdu(msgspec.Struct, frozen=True):
    """Another server's event, as far as its bytes alone can tell."""

    event: Event
    hash_matches: bool  # else only the redacted event may be used
    signed: bytes  # what every signature of the event covers


def seal(
    version: RoomVersion,
    template: pdu.PduTemplate,
    *,
    server_name: ServerName,
    signing_key: signing.SigningKey,
) -> Event:
    """Our own event: hashed, signed and measured. Raises BadJson and TooLarge when the content is at fault."""
    if not HAS_ENGINE:
        return pdu.build_and_sign(version, template, server_name=server_name, signing_key=signing_key)
    try:
        data = orjson.dumps(pdu.unhashed(version, template))
        event_id, sealed, content_hash, signature = engine.seal_event(
            data, rules(version), server_name, signing_key.key_id, signing_key.seed, signing_key.public_key
        )
    except (ValueError, TypeError) as error:
        if version.strict_canonical_json:
            raise BadJson(inner=str(error)) from error
        return pdu.build_and_sign(version, template, server_name=server_name, signing_key=signing_key)
    return pdu.event_of_template(
        version,
        template,
        event_id=EventID(event_id),
        data=sealed,
        hashes={"sha256": content_hash},
        signatures={server_name: {signing_key.key_id: signature}},
    )


def open_pdu(version: RoomVersion, data: bytes) -> OpenedPdu:
    """Another server's event. Duplicate keys are refused in every room version. Raises BadJson and TooLarge."""
    pdu.check_size_before_reading(data)
    if HAS_ENGINE:
        try:
            event_id, canonical, hash_matches, signed = engine.open_event(data, rules(version))
        except ValueError as error:
            if version.strict_canonical_json:
                raise BadJson(inner=str(error)) from error
        else:
            event = pdu.from_canonical(version, canonical, EventID(event_id))
            return OpenedPdu(event, hash_matches, signed)
    return open_by_definition(version, data)


def open_pdus(version: RoomVersion, datas: Sequence[bytes]) -> list[OpenedPdu | BadJson | TooLarge]:
    """`open_pdu` for thousands at once; what would be raised stands in its place. Needs the interpreter lock only to
    make the events of what was opened.
    """
    if not HAS_ENGINE:
        return [_opened_or_error(version, data) for data in datas]
    short = [data if len(data) <= pdu.READ_BYTES_MAX else b"" for data in datas]
    outcomes = engine.open_events(short, rules(version))
    return [
        _opened_or_error(version, data) if isinstance(outcome, str) else _event_or_error(version, *outcome)
        for data, outcome in zip(datas, outcomes, strict=True)
    ]


def _opened_or_error(version: RoomVersion, data: bytes) -> OpenedPdu | BadJson | TooLarge:
    try:
        return open_pdu(version, data)
    except (BadJson, TooLarge) as error:
        return error


def _event_or_error(
    version: RoomVersion, event_id: str, canonical: bytes, hash_matches: bool, signed: bytes
) -> OpenedPdu | BadJson | TooLarge:
    try:
        return OpenedPdu(pdu.from_canonical(version, canonical, EventID(event_id)), hash_matches, signed)
    except (BadJson, TooLarge) as error:
        return error


def canonical_body(data: bytes) -> bytes:
    """The canonical JSON of a federation request's body, which its signature covers. Floats and big integers, as only
    events of old rooms hold them, are written as Python does: so signs everybody. Raises BadJson.
    """
    try:
        return canonical_json(data)
    except ValueError:
        pass
    try:
        check_json(data, DEPTH_MAX, strict_integers=False)
    except ValueError as error:
        raise BadJson(inner=str(error)) from error
    return canonical.encode(canonical.decode_object(data, strict=False), strict=False)


def open_by_definition(version: RoomVersion, data: bytes) -> OpenedPdu:
    """`open_pdu` without the engine."""
    try:
        check_json(data, DEPTH_MAX, strict_integers=version.strict_canonical_json)
    except ValueError as error:
        raise BadJson(inner=str(error)) from error
    event = pdu.parse(version, data)
    value = pdu.to_object(version, event)
    return OpenedPdu(
        event, signing.content_hash_matches(version, value), signing.signed_bytes(version, value)
    )


def rules(version: RoomVersion) -> int:
    """The bits that tell the engine how events of a room version are hashed and redacted."""
    return (
        version.redaction_keeps_aliases
        | version.redaction_keeps_allow << 1
        | version.redaction_keeps_authorising_user << 2
        | version.redaction_v11 << 3
        | _ID_BITS[version.event_id_format]
    )
