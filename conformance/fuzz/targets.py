"""What is fuzzed in Python: each target takes bytes and must neither raise nor be slow.

Only exceptions that are documented are caught. Where there are two texts, both must come to the same end.
"""

import time
from collections.abc import Callable
from itertools import pairwise

from conformance.fuzz import room_bytes
from timserver import core
from timserver.core import choice, engine, resolution, sealing
from timserver.core.definition import json_check, state_pack, state_resolution
from timserver.core.definition import splitting as by_definition
from timserver.matrix import pdu, redaction
from timserver.matrix.errors import BadJson, MatrixError, TooLarge
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import ROOM_VERSIONS, RoomVersion

SECONDS_MAX = 0.1
EVENTS_JUDGED = 4
PIECE_BYTES_MAX = 200
Target = Callable[[bytes], None]


def json_text(data: bytes) -> None:
    """The strict reader and canonical JSON, both texts."""
    for strict in (True, False):
        by_engine = _outcome(engine.check_json, data, 20, strict_integers=strict)
        by_definition = _outcome(json_check.check_json, data, 20, strict_integers=strict)
        assert (by_engine is None) == (by_definition is None), (by_engine, by_definition)
    by_engine, by_definition = (_outcome(f, data) for f in (engine.canonical_json, json_check.canonical_json))
    if isinstance(by_engine, bytes) or isinstance(by_definition, bytes):
        assert by_engine == by_definition
        assert isinstance(by_engine, bytes)
        assert engine.canonical_json(by_engine) == by_engine


def split_object(data: bytes) -> None:
    """A large object in pieces, both texts; cut where the input's own bytes say."""
    for form in (b"%s", b'{"state":[%s],"auth_chain":[]}', b'{"event":%s,"state":[],"auth_chain":[]}'):
        whole = form % data
        cuts = [0, *sorted(byte * len(whole) // 256 for byte in data[-4:]), len(whole)]
        parts = [whole[begin:end] for begin, end in pairwise(cuts)]
        by_engine = _outcome(_split, engine.Splitter, parts)
        assert by_engine == _outcome(_split, by_definition.Splitter, [whole])


def _split(kind: Callable[..., core.Splitter], parts: list[bytes]) -> list[tuple[str, bytes]]:
    made = kind(("state", "auth_chain"), ("event",), PIECE_BYTES_MAX)
    return [*(piece for part in parts for piece in made.feed(part)), *made.end()]


def open_pdu(data: bytes) -> None:
    """Another server's event; the first byte is the room version. Both texts."""
    version, data = _version(data)
    opened = _opened(core.open_pdu, version, data)
    by_definition = _opened(sealing.open_by_definition, version, data)
    assert (opened is None) == (by_definition is None)
    if opened is not None and by_definition is not None:
        assert opened.event.event_id == by_definition.event.event_id
        assert opened.event.pdu == by_definition.event.pdu
        assert (opened.hash_matches, opened.signed) == (by_definition.hash_matches, by_definition.signed)


def parse(data: bytes) -> None:
    """`pdu.parse`, and what is done with an event that passed."""
    version, data = _version(data)
    try:
        event = pdu.parse(version, data)
    except (BadJson, TooLarge):
        return
    pdu.required_signers(version, event)
    assert pdu.parse(version, event.pdu).pdu == event.pdu


def redact(data: bytes) -> None:
    """Redaction of whatever JSON object."""
    version, data = _version(data)
    try:
        value = pdu.decode(version, data)
    except MatrixError:
        return
    redacted = redaction.redact(version, value)
    assert redaction.redact(version, redacted) == redacted
    assert redacted.keys() <= {*value, "content"}


def packed_state(data: bytes) -> None:
    """Packed state maps, both texts."""
    state = _outcome(choice.unpack_state, data)
    assert state == _outcome(state_pack.unpack_state, data)
    if isinstance(state, dict):
        assert choice.unpack_state(choice.pack_state(state)) == state
        assert choice.pack_state(state) == state_pack.pack_state(state)


def check_auth(data: bytes) -> None:
    """Authorization of the last events against a state, both texts."""
    room = room_bytes.read(data)
    state = room.states[0]
    auth_state = {key: room.events[event_id] for key, event_id in state.items()}
    for event in list(room.events.values())[-EVENTS_JUDGED:]:
        verdict = core.check_auth(room.version, event, auth_state)
        core.check_auth_events(room.version, event, (room.events[i] for i in event.auth_events))
        if event.type != "m.room.create":
            assert _by_engine(room, state, event) == (verdict and verdict.name)


def _by_engine(room: room_bytes.Room, state: dict[StateKey, EventID], event: Event) -> str | None:
    numbers: dict[EventID, int] = {}
    raw = resolution.number_events([*state.values(), event.event_id], room.events, numbers)
    create, listed = numbers[state["m.room.create", ""]], [numbers[i] for i in state.values()]
    return engine.check_auth(
        resolution.rules(room.version), [*raw, raw[numbers[event.event_id]]], create, listed
    )


def resolve(data: bytes) -> None:
    """State resolution, both texts."""
    room = room_bytes.read(data)
    resolved = core.resolve(room.version, room.states, room.events)
    assert resolved == state_resolution.resolve(room.version, room.states, room.events)
    if data and data[-1] % 4 == 0:
        assert resolved == core.resolve(room.version, room.states[::-1], room.events)


# target -> folder of its corpus
CORPORA: dict[str, str] = {
    "json_text": "json",
    "split_object": "json",
    "open_pdu": "pdu",
    "parse": "pdu",
    "redact": "pdu",
    "packed_state": "packed",
    "check_auth": "room",
    "resolve": "room",
}
TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (json_text, split_object, open_pdu, parse, redact, packed_state, check_auth, resolve)
}


class TooSlow(AssertionError):
    """An input took more than SECONDS_MAX of CPU time, twice."""


def run_once(target: Target, data: bytes) -> None:
    """One input. What is slow only because the machine was busy is not slow the second time."""
    for _ in range(2):
        begin = time.thread_time()
        target(data)
        if time.thread_time() - begin <= SECONDS_MAX:
            return
    raise TooSlow(target.__name__)


def _version(data: bytes) -> tuple[RoomVersion, bytes]:
    number = data[0] if data else 0
    return list(ROOM_VERSIONS.values())[number % len(ROOM_VERSIONS)], data[1:]


def _outcome(function: Callable[..., object], *arguments: object, **named: object) -> object:
    """The result, or the reason of the refusal."""
    try:
        return function(*arguments, **named)
    except ValueError as error:
        return f"refused: {error}"


def _opened(
    function: Callable[[RoomVersion, bytes], core.OpenedPdu], version: RoomVersion, data: bytes
) -> core.OpenedPdu | None:
    try:
        return function(version, data)
    except (BadJson, TooLarge):
        return None
