"""Rooms from bytes, so that a fuzzer can invent them; `rust/src/room.rs` reads the same bytes.

What an index leads to stands in `vocabulary.json`; indices are taken modulo the length, and missing bytes are zero:

    room    = version, pairs of the create event, count of events (at most 16), events, two or three masks
    event   = type, sender, state key, flags (1 rejected, 2 follows the create event only, 4 signed by b.example),
              time (signed), pairs, count of auth events (at most 6), auth events (each an earlier event)
    pairs   = count (at most 5), then per pair: key, value
    value   = index; beyond the list it is a map: count (at most 3), then per entry: key, value out of the list
    mask    = two bytes, lowest bit first: the events of a state. The create event is in each.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tests.support.random_rooms import with_pdu
from timserver.matrix import pdu
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.json_types import JsonValue
from timserver.matrix.room_versions import ROOM_VERSIONS, RoomVersion

VOCABULARY = json.loads((Path(__file__).parent / "vocabulary.json").read_text())
EVENTS_MAX = 16
_MAPS = 4  # so many indices beyond the list of values lead to maps


class Room(msgspec.Struct, frozen=True):
    """Events in the order of their numbers, the create event first, and states."""

    version: RoomVersion
    events: Mapping[EventID, Event]
    states: list[dict[StateKey, EventID]]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        """The next, zero at the end."""
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def choose(self, name: str) -> JsonValue:
        """An entry of the vocabulary."""
        entries = VOCABULARY[name]
        chosen: JsonValue = entries[self.byte() % len(entries)]
        return chosen

    def pairs(self) -> dict[str, JsonValue]:
        """Content."""
        return {str(self.choose("keys")): self.value() for _ in range(self.byte() % 6)}

    def value(self) -> JsonValue:
        """A value or a map of values."""
        values = VOCABULARY["values"]
        index = self.byte() % (len(values) + _MAPS)
        if index < len(values):
            value: JsonValue = values[index]
            return value
        return {str(self.choose("map_keys")): self.choose("values") for _ in range(self.byte() % 4)}


def read(data: bytes) -> Room:
    """The room that the bytes tell of."""
    reader = _Reader(data)
    version = list(ROOM_VERSIONS.values())[reader.byte() % len(ROOM_VERSIONS)]
    create = _create(version, reader)
    listed = [create]
    for _ in range(reader.byte() % (EVENTS_MAX + 1)):
        listed.append(_event(version, reader, listed))
    events = {event.event_id: event for event in listed}
    states = []
    for _ in range(2 + reader.byte() % 2):
        mask = reader.byte() | reader.byte() << 8
        chosen = [event for number, event in enumerate(listed[1:]) if mask >> number & 1]
        state = {event.key: event.event_id for event in chosen if event.is_state and not event.rejected}
        states.append({**state, create.key: create.event_id})
    return Room(version, events, states)


def _create(version: RoomVersion, reader: _Reader) -> Event:
    event_id = EventID("$0:a.example")
    room_id = pdu.room_id_of(event_id) if version.room_id_is_create_hash else RoomID("!r:a.example")
    sender = UserID(VOCABULARY["users"][0])
    event = Event(
        event_id, room_id, sender, "m.room.create", "", reader.pairs(), 0, 0, (), (), None, {}, {}, b""
    )
    return with_pdu(event)


def _event(version: RoomVersion, reader: _Reader, before: list[Event]) -> Event:
    create = before[0]
    event_type, sender = str(reader.choose("types")), str(reader.choose("users"))
    state_key = reader.choose("state_keys")
    flags, time = reader.byte(), reader.byte()
    content = reader.pairs()
    cited = dict.fromkeys(reader.byte() % len(before) for _ in range(reader.byte() % 7))
    event = Event(
        event_id=EventID(f"${len(before)}:a.example"),
        room_id=create.room_id,
        sender=UserID(sender),
        type=event_type,
        state_key=None if event_type == "m.room.create" or state_key is None else str(state_key),
        content=content,
        origin_server_ts=time - 256 if time > 127 else time,
        depth=len(before),
        prev_events=(create.event_id,) if flags & 2 else (create.event_id, create.event_id),
        auth_events=tuple(before[number].event_id for number in cited),
        redacts=None,
        hashes={},
        signatures={"b.example": {"ed25519:1": "s"}} if flags & 4 else {},
        pdu=b"",
        rejected=bool(flags & 1),
    )
    return with_pdu(event)
