"""What our own core answers: engine and definition, which must agree before anybody else is asked."""

import hashlib
import json

import msgspec

from conformance.oracles.imitations import Imitation
from conformance.oracles.questions import Question, State
from timserver import core
from timserver.core.definition import state_resolution
from timserver.matrix import canonical_json, pdu, signing
from timserver.matrix.errors import MatrixError
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID
from timserver.matrix.json_types import JsonValue
from timserver.matrix.room_versions import EventIdFormat, RoomVersion


class PduFacts(msgspec.Struct, frozen=True):
    """What the bytes of a PDU alone say."""

    event_id: str
    content_hash: str
    reference_hash: str
    hash_matches: bool
    canonical: str
    redacted: str


class SelfContradiction(AssertionError):
    """Engine and definition differ: the property tests should have found it."""


def resolve(question: Question, states: list[State]) -> set[EventID]:
    """The ids of the resolved state."""
    by_definition = state_resolution.resolve(question.version, states, question.events)
    if core.resolve(question.version, states, question.events) != by_definition:
        raise SelfContradiction(question.name)
    return set(by_definition.values())


def auth_state(question: Question, state: State) -> dict[StateKey, Event]:
    """The state's events."""
    return {key: question.events[event_id] for key, event_id in state.items()}


def read_pdu(version: RoomVersion, data: bytes) -> PduFacts | None:
    """What a PDU says, None when it is refused; engine and definition must agree."""
    try:
        opened = core.open_pdu(version, data)
    except MatrixError:
        return None
    facts = pdu_facts(version, data, Imitation())
    if (facts.event_id, facts.hash_matches) != (opened.event.event_id, opened.hash_matches):
        raise SelfContradiction(data.decode())
    if facts.canonical != core.canonical_json(data).decode():
        raise SelfContradiction(data.decode())
    if facts.redacted != pdu.redacted(version, opened.event).pdu.decode():
        raise SelfContradiction(data.decode())
    return facts


def pdu_facts(version: RoomVersion, data: bytes, imitation: Imitation) -> PduFacts:
    """What a PDU says by the definition, read and redacted as somebody else would."""
    strict = version.strict_canonical_json
    whole = json.loads(data)
    value: dict[str, JsonValue] = {
        name: member for name, member in imitation.read(whole).items() if name != "unsigned"
    }
    redacted = imitation.redact(version, value)
    hashed = {name: member for name, member in redacted.items() if name != "signatures"}
    digest = hashlib.sha256(canonical_json.encode(hashed, strict=strict)).digest()
    # Versions 1 and 2 write it in standard base64, as version 3 does.
    in_urlsafe = version.event_id_format is EventIdFormat.HASH_URLSAFE
    reference = signing.encode_base64_urlsafe(digest) if in_urlsafe else signing.encode_base64(digest)
    given = value.get("event_id") if version.event_id_format is EventIdFormat.GIVEN else None
    return PduFacts(
        event_id=given if isinstance(given, str) else "$" + reference,
        content_hash=signing.content_hash(version, value),
        reference_hash=reference,
        hash_matches=signing.content_hash_matches(version, value),
        canonical=canonical_json.encode(whole, strict=strict).decode(),
        redacted=canonical_json.encode(redacted, strict=strict).decode(),
    )
