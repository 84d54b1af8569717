"""Resolution of stored events: the definition's algorithms on numbers and bytes, for when there is no engine."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from timserver.core.definition import auth_vector, layered_state, state_resolution_v1, state_resolution_v2
from timserver.core.definition.auth_events import state_keys
from timserver.core.definition.layered_state import Layers
from timserver.core.definition.state_pack import unpack_state
from timserver.core.stored import Conflict, Placed, Stored
from timserver.matrix import canonical_json
from timserver.matrix.event import Event, StateKey, get_int, get_object, get_str
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.room_versions import RoomVersion, StateResolution

_LEVELS: Final = (
    b'{"content":{},"origin_server_ts":0,"sender":"","state_key":"","type":"m.room.power_levels"}'
)


def conflict(version: RoomVersion, reached: Sequence[Layers], conflicted: Iterable[Placed]) -> Conflict:
    """The ranges of the auth difference, and from room version 12 of what lies between conflicted events."""
    tops = [layered_state.merged(layers) for layers in reached]
    positions = [{chain: auth_vector.position_of(top) for chain, top in state.items()} for state in tops]
    difference = auth_vector.difference(positions)
    if version.state_resolution is not StateResolution.V2_1:
        return Conflict(difference, (), {})
    placed = [
        auth_vector.Placed(
            event.key,
            (event.chain, event.position) if event.chain else None,
            unpack_state(event.vector or b""),
        )
        for event in conflicted
    ]
    return Conflict(difference, auth_vector.between(placed), auth_vector.lowest_places(placed))


def event_of(stored: Stored, ids: Mapping[int, EventID]) -> Event:
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


def asked_keys(version: RoomVersion, events: Iterable[Stored]) -> set[StateKey]:
    """What authorization of the events looks at."""
    keys: set[StateKey] = set()
    for stored in events:
        event = event_of(stored, {})
        keys.update(state_keys(version, event.type, event.sender, event.state_key, event.content))
    return keys


def resolve(
    version: RoomVersion,
    states: Sequence[Mapping[StateKey, int]],
    unconflicted: Mapping[StateKey, int],
    full: Iterable[int],
    stored: Mapping[int, Stored],
    older_levels: Mapping[int, int],
) -> list[int]:
    """The numbers of the events of the resolved state. `states` are those parts of the states that differ."""
    ids = {number: event.event_id for number, event in stored.items()}
    for number in (*older_levels, *older_levels.values()):
        ids.setdefault(number, EventID(f"${number}"))
    cited_by = {
        number: Stored(event_id, 0, _LEVELS, (), [older_levels[number]] if number in older_levels else ())
        for number, event_id in ids.items()
        if number not in stored
    }
    events = {ids[number]: event_of(event, ids) for number, event in {**stored, **cited_by}.items()}
    shared = {key: ids[number] for key, number in unconflicted.items()}
    if version.state_resolution is StateResolution.V1:
        whole = [{**shared, **{key: ids[number] for key, number in state.items()}} for state in states]
        resolved = state_resolution_v1.resolve(version, whole, events)
    else:
        conflicted = {ids[number] for number in full}
        resolved = state_resolution_v2.resolve(version, shared, conflicted, events)
    numbers = {event_id: number for number, event_id in ids.items()}
    return [numbers[event_id] for event_id in resolved.values()]
