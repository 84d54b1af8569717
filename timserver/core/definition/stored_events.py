"""Resolution of stored events: the definition's algorithms on numbers and bytes, for when there is no engine."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final

from timserver.core.definition import state_resolution_v1, state_resolution_v2
from timserver.core.definition.auth_events import state_keys
from timserver.core.stored import Placed, StoredPdu
from timserver.matrix import canonical_json
from timserver.matrix.event import Event, StateKey, get_int, get_object, get_str
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.room_versions import RoomVersion, StateResolution

_LEVELS: Final = (
    b'{"content":{},"origin_server_ts":0,"sender":"","state_key":"","type":"m.room.power_levels"}'
)


def event_of(stored: StoredPdu, ids: Mapping[int, EventID]) -> Event:
    """The event as the algorithms take it; all of a resolution are of one room."""
    value = canonical_json.decode_object(stored.pdu, strict=False)
    redacts = get_str(value, "redacts")
    return Event(
        event_id=stored.event_id,
        room_id=RoomID(""),
        sender=UserID(get_str(value, "sender") or ""),
        type=get_str(value, "type") or "",
        state_key=get_str(value, "state_key"),
        content=get_object(value, "content") or {},
        origin_server_ts=get_int(value, "origin_server_ts") or 0,
        depth=get_int(value, "depth") or 0,
        prev_events=tuple(ids.get(number, EventID(f"${number}")) for number in stored.prev),
        auth_events=tuple(ids[number] for number in stored.auth if number in ids),
        redacts=EventID(redacts) if redacts is not None else None,
        hashes={},
        signatures=get_object(value, "signatures") or {},
        pdu=stored.pdu,
        rejected=stored.rejected,
    )


def asked_keys(version: RoomVersion, events: Iterable[StoredPdu]) -> set[StateKey]:
    """What authorization of the events looks at."""
    keys: set[StateKey] = set()
    for stored in events:
        event = event_of(stored, {})
        keys.update(state_keys(version, event.type, event.sender, event.state_key, event.content))
    return keys


def keys_in(events: Iterable[StoredPdu], numbers: Container[int]) -> set[StateKey]:
    """The keys of those events whose key number is among some."""
    return {event_of(stored, {}).key for stored in events if stored.key in numbers}


def resolve(
    version: RoomVersion,
    differing: Mapping[int, Sequence[int]],
    full: Sequence[StoredPdu],
    unconflicted: Sequence[StoredPdu],
    cited: Sequence[StoredPdu],
    older_levels: Mapping[int, int],
) -> dict[int, int]:
    """The events of the resolved state by key number."""
    stored = {event.number: event for event in (*full, *unconflicted, *cited)}
    ids = {number: event.event_id for number, event in stored.items()}
    for number in (*older_levels, *older_levels.values()):
        ids.setdefault(number, EventID(f"${number}"))
    older = {
        number: StoredPdu(
            Placed(number, 0, 0, 0, None),
            event_id,
            _LEVELS,
            (),
            [older_levels[number]] if number in older_levels else (),
        )
        for number, event_id in ids.items()
        if number not in stored
    }
    events = {ids[number]: event_of(event, ids) for number, event in {**stored, **older}.items()}
    shared = {events[event.event_id].key: event.event_id for event in unconflicted}
    if version.state_resolution is StateResolution.V1:
        states = [
            {**shared, **{events[ids[number]].key: ids[number] for number in numbers if number}}
            for numbers in zip(*differing.values(), strict=True)
        ]
        resolved = state_resolution_v1.resolve(version, states, events)
    else:
        conflicted = {event.event_id for event in full}
        resolved = state_resolution_v2.resolve(version, shared, conflicted, events)
    numbers = {event_id: number for number, event_id in ids.items()}
    winners = [stored[numbers[event_id]] for event_id in resolved.values()]
    return {event.key: event.number for event in winners}
