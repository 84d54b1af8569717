"""What the oracles are asked: whole rooms, one JSON line each.

A line has `version`; `events` (`event_id`, `rejected`, `auth_events`, `prev_events`, and `pdu` as it goes over the
wire); `resolve`, a list of lists of states, each the ids of its events; `auth`, pairs of an event's id and the ids of
a state; `pdus`, of which hashes and redaction are asked. The answer has a list for each of the latter three, each
entry either `{"Ok": …}` or `{"Err": reason}`: the ids of the resolved state; nothing; an object.
"""

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from tests.support import corpus
from tests.support.random_rooms import RandomRoom
from timserver.matrix import canonical_json, signing
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.room_versions import EventIdFormat, RoomVersion

State = Mapping[StateKey, EventID]


class Question(msgspec.Struct, frozen=True):
    """A room and what is asked of it."""

    name: str
    version: RoomVersion
    events: Mapping[EventID, Event]
    resolve: Sequence[Sequence[State]]
    auth: Sequence[tuple[EventID, State]]
    pdus: Sequence[bytes]


def of_corpus() -> Iterator[Question]:
    """The cases of `tests/corpus`, in each of their room versions."""
    for case in corpus.resolutions():
        name = f"{case.story} v{case.version.identifier}"
        auth = [(event_id, state) for event_id in case.events for state in case.states]
        yield Question(name, case.version, case.events, [case.states], auth, [])
    for judged in corpus.authorizations():
        name = f"{judged.story} v{judged.version.identifier}"
        cited = {event.event_id: event for event in judged.cited or ()}
        events = {event.event_id: event for event in judged.state.values()} | cited
        events[judged.event.event_id] = judged.event
        state = {key: event.event_id for key, event in judged.state.items()}
        yield Question(name, judged.version, events, [], [(judged.event.event_id, state)], [])


class _PlainRoom(RandomRoom):
    """A random room whose levels are all within canonical JSON, in every version.

    Rooms before version 6 may have others; neither oracle reads them as the spec says, and ruma's documentation says
    so ("best effort").
    """

    def _levels(self) -> JsonObject:
        levels = super()._levels()
        return {name: level for name, level in levels.items() if not _is_odd(level)}


def _is_odd(level: JsonValue) -> bool:
    beyond = isinstance(level, int) and abs(level) > canonical_json.INTEGER_MAX
    return beyond or isinstance(level, float)


def of_random_rooms(versions: Sequence[str], seeds: range) -> Iterator[Question]:
    """Random rooms, versions in turn."""
    for seed in seeds:
        version = versions[seed % len(versions)]
        room = _PlainRoom(version, seed)
        room.grow(room.random.randint(8, 60))
        ids = sorted(room.states)
        chosen = [[room.states[i] for i in room.random.sample(ids, count)] for count in (2, 2, 3)]
        auth = [(event_id, room.states[room.random.choice(ids)]) for event_id in room.events]
        pdus = [random_pdu(room.version, room.random) for _ in range(3)]
        yield Question(f"random v{version} seed {seed}", room.version, room.events, chosen, auth, pdus)


def encode(question: Question) -> bytes:
    """The line.

    Two things that not every oracle can read are put right on the way, neither of which decides anything: times below
    zero, so all are later by the same span; from version 12 on a room id that is no hash, and with it the create
    event's.
    """
    aliases = _hashes_for_names(question)
    events = question.events.values()
    later = -min(0, *(event.origin_server_ts for event in events))
    value = {
        "version": question.version.identifier,
        "events": [_encode_event(question.version, event, aliases, later) for event in events],
        "resolve": [[_ids(state, aliases) for state in states] for states in question.resolve],
        "auth": [
            {"event": aliases.get(event_id, event_id), "state": _ids(state, aliases)}
            for event_id, state in question.auth
        ],
        "pdus": [json.loads(pdu) for pdu in question.pdus],
    }
    return json.dumps(value).encode() + b"\n"


def decode_ids(question: Question, answered: Sequence[str]) -> set[EventID]:
    """The event ids of an answer, as the room has them."""
    names = {alias: event_id for event_id, alias in _hashes_for_names(question).items()}
    return {EventID(names.get(event_id, event_id)) for event_id in answered}


def _hashes_for_names(question: Question) -> dict[str, str]:
    if not question.version.room_id_is_create_hash:
        return {}
    creates = [event for event in question.events.values() if event.type == "m.room.create"]
    return {event.event_id: "$" + _hash_for(event.event_id) for event in creates} | {
        event.room_id: "!" + _hash_for("$" + event.room_id[1:]) for event in question.events.values()
    }


def _hash_for(name: str) -> str:
    return signing.encode_base64_urlsafe(hashlib.sha256(name.encode()).digest())


def _ids(state: State, aliases: Mapping[str, str]) -> list[str]:
    return [aliases.get(event_id, event_id) for event_id in state.values()]


def _encode_event(version: RoomVersion, event: Event, aliases: Mapping[str, str], later: int) -> JsonObject:
    room_id = aliases.get(event.room_id, event.room_id)
    auth_events = [aliases.get(event_id, event_id) for event_id in event.auth_events]
    prev_events = [aliases.get(event_id, event_id) for event_id in event.prev_events]
    return {
        "event_id": aliases.get(event.event_id, event.event_id),
        "rejected": event.rejected,
        "auth_events": auth_events,
        "prev_events": prev_events,
        "pdu": _wire(version, event, room_id, later, auth_events, prev_events),
    }


def _wire(
    version: RoomVersion,
    event: Event,
    room_id: str,
    later: int,
    auth_events: Sequence[str],
    prev_events: Sequence[str],
) -> JsonObject:
    """The event as a PDU; hashes are left empty, for nobody looks at them here."""
    given = version.event_id_format is EventIdFormat.GIVEN
    is_named_after_create = version.room_id_is_create_hash and event.type == "m.room.create"

    def references(event_ids: Sequence[str]) -> JsonValue:
        return [[event_id, {"sha256": ""}] for event_id in event_ids] if given else list(event_ids)

    fields: dict[str, JsonValue] = {
        "auth_events": references(auth_events),
        "content": event.content,
        "depth": event.depth,
        "hashes": {"sha256": ""},
        "origin_server_ts": event.origin_server_ts + later,
        "prev_events": references(prev_events),
        "sender": event.sender,
        "signatures": event.signatures,
        "type": event.type,
    }
    optional: dict[str, JsonValue] = {
        "room_id": None if is_named_after_create else room_id,
        "state_key": event.state_key,
        "redacts": event.redacts,
        "event_id": event.event_id if given else None,
    }
    return fields | {name: value for name, value in optional.items() if value is not None}


_TYPES = (
    "m.room.member", "m.room.create", "m.room.join_rules", "m.room.power_levels", "m.room.aliases",
    "m.room.history_visibility", "m.room.redaction", "m.room.message", "m.room.topic", "m.room.third_party_invite",
)  # fmt: skip
_CONTENT_KEYS = (
    "membership", "join_authorised_via_users_server", "third_party_invite", "creator", "join_rule", "allow", "ban",
    "events", "events_default", "kick", "redact", "state_default", "users", "users_default", "invite",
    "notifications", "aliases", "history_visibility", "redacts", "body", "additional_creators", "room_version", "ü",
)  # fmt: skip
_EXTRA_KEYS = (
    "unsigned", "redacts", "prev_state", "origin", "membership", "state_key", "age_ts", "outlier", "x", "\ue000",
    "\U0001f600",
)  # fmt: skip


def random_pdu(version: RoomVersion, source: random.Random) -> bytes:
    """A PDU with all that redaction and hashes look at, one in five with a wrong hash."""
    content: dict[str, JsonValue] = {
        name: _random_value(source) for name in source.sample(_CONTENT_KEYS, source.randint(0, 12))
    }
    if "third_party_invite" in content and source.random() < 0.7:
        content["third_party_invite"] = {"signed": _random_value(source), "display_name": "x"}
    given = version.event_id_format is EventIdFormat.GIVEN
    hashed = f"${signing.encode_base64_urlsafe(source.randbytes(32))}"
    if version.event_id_format is EventIdFormat.HASH:
        hashed = f"${signing.encode_base64(source.randbytes(32))}"
    reference: JsonValue = (
        ["$p:a.example", {"sha256": signing.encode_base64(source.randbytes(32))}] if given else hashed
    )
    pdu: dict[str, JsonValue] = {
        "auth_events": [reference],
        "content": content,
        "depth": source.randint(0, 2**53 - 1),
        "origin_server_ts": source.randint(0, 2**53 - 1),
        "prev_events": [reference],
        "room_id": "!" + _hash_for(hashed) if version.room_id_is_create_hash else "!r:a.example",
        "sender": source.choice(("@alice:a.example", "@bob:b.example")),
        "type": source.choice(_TYPES),
    }
    if given:
        pdu["event_id"] = "$own:a.example"
    for name in source.sample(_EXTRA_KEYS, source.randint(0, 5)):
        pdu[name] = _EXTRA_VALUES[name] if name in _EXTRA_VALUES else _random_value(source)
    pdu["hashes"] = {"sha256": signing.content_hash(version, pdu)}
    pdu["signatures"] = {"a.example": {"ed25519:1": "c2ln"}}
    if source.random() < 0.2:
        content["changed"] = True
    return json.dumps(pdu).encode()


_EXTRA_VALUES: dict[str, JsonValue] = {
    "state_key": "", "unsigned": {"age": 1}, "redacts": "$r:a.example", "origin": "a.example",
    "membership": "join", "prev_state": [],
}  # fmt: skip


def _random_value(source: random.Random, depth: int = 0) -> JsonValue:
    kind = source.randrange(8 if depth < 3 else 6)
    if kind < 2:
        return source.choice(
            ("", "x", "50", "join", "\n\u2028\x7f", "ä\U0001f600", "<&>", "@a:a.example", '\x00\\"')
        )
    if kind < 4:
        return source.choice((0, 1, -1, 50, 100, 2**53 - 1, -(2**53) + 1))
    if kind < 6:
        return source.choice((True, False, None))
    if kind == 6:
        return [_random_value(source, depth + 1) for _ in range(source.randrange(4))]
    return {
        name: _random_value(source, depth + 1) for name in source.sample(_CONTENT_KEYS, source.randrange(4))
    }
