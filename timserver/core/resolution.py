"""State resolution by the engine; what it must do is said by `definition/state_resolution.py`."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from timserver.core.choice import HAS_ENGINE
from timserver.core.definition import state_resolution, state_resolution_v2
from timserver.core.definition.auth_events import state_keys
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import ROOM_VERSIONS, RoomVersion, StateResolution

if HAS_ENGINE:
    from timserver.core import engine

_CREATE = ("m.room.create", "")
_POWER_LEVELS = ("m.room.power_levels", "")

RawEvent = tuple[str, bytes, str | None, list[int], bool]


def resolve(
    version: RoomVersion, states: Sequence[Mapping[StateKey, EventID]], events: Mapping[EventID, Event]
) -> dict[StateKey, EventID]:
    """The resolution of `states`. `events` has all events of the states, and all of their auth chains."""
    if version.state_resolution is StateResolution.V1:
        return _resolve_v1(version, states, events)
    unconflicted, conflicted = state_resolution.separate(states)
    if not conflicted:
        return unconflicted
    full = state_resolution.conflicted_set(version, states, conflicted, events)
    return resolve_conflicted(version, unconflicted, full, events)


def _resolve_v1(
    version: RoomVersion, states: Sequence[Mapping[StateKey, EventID]], events: Mapping[EventID, Event]
) -> dict[StateKey, EventID]:
    if not HAS_ENGINE:
        return state_resolution.resolve(version, states, events)
    candidates: dict[StateKey, set[EventID]] = {}
    for state in states:
        for key, event_id in state.items():
            if not events[event_id].rejected:
                candidates.setdefault(key, set()).add(event_id)
    agreed = {key: min(event_ids) for key, event_ids in candidates.items() if len(event_ids) == 1}
    conflicted = {
        event_id for key, event_ids in candidates.items() if key not in agreed for event_id in event_ids
    }
    return resolve_conflicted(version, agreed, conflicted, events) if conflicted else agreed


def resolve_conflicted(
    version: RoomVersion,
    unconflicted: Mapping[StateKey, EventID],
    conflicted: AbstractSet[EventID],
    events: Mapping[EventID, Event],
) -> dict[StateKey, EventID]:
    """The rest of the resolution, when the full conflicted set is known.

    `events` has the conflicted events and their auth events, the power levels in their auth chains, and of the
    unconflicted state at least the create event and what `state_keys` of the conflicted events name.
    """
    if not HAS_ENGINE:
        return state_resolution_v2.resolve(version, unconflicted, conflicted, events)
    asked = _asked(version, unconflicted, conflicted, events)
    numbers: dict[EventID, int] = {}
    raw = number_events([*conflicted, *asked], events, numbers)
    resolved = engine.resolve(
        rules(version),
        raw,
        numbers[unconflicted[_CREATE]],
        [numbers[event_id] for event_id in asked],
        [numbers[event_id] for event_id in conflicted],
    )
    resolved_ids = (EventID(raw[number][0]) for number in resolved)
    return {**{events[event_id].key: event_id for event_id in resolved_ids}, **unconflicted}


def _asked(
    version: RoomVersion,
    unconflicted: Mapping[StateKey, EventID],
    conflicted: Iterable[EventID],
    events: Mapping[EventID, Event],
) -> list[EventID]:
    """The part of the unconflicted state that authorization of the conflicted events and the mainline ask for."""
    keys = {_CREATE, _POWER_LEVELS}
    for event_id in conflicted:
        event = events[event_id]
        keys.update(state_keys(version, event.type, event.sender, event.state_key, event.content))
    return [unconflicted[key] for key in keys if key in unconflicted]


def number_events(
    wanted: Iterable[EventID], events: Mapping[EventID, Event], numbers: dict[EventID, int]
) -> list[RawEvent]:
    """The wanted events, what they cite, and the power levels that lead from there down the mainline.

    `numbers` gets the number of each.
    """
    order: list[Event] = []

    def number_of(event_id: EventID) -> int:
        if event_id not in numbers:
            numbers[event_id] = len(order)
            order.append(events[event_id])
        return numbers[event_id]

    whole = {number_of(event_id) for event_id in wanted}
    raw: list[RawEvent] = []
    while len(raw) < len(order):
        event = order[len(raw)]
        cited: Iterable[EventID] = event.auth_events
        if len(raw) not in whole:  # cited only: of it, the mainline alone matters
            power_levels = state_resolution_v2.cited_power_levels(events, event)
            cited = [power_levels.event_id] if power_levels else []
        only_prev = event.prev_events[0] if len(event.prev_events) == 1 else None
        auth = [number_of(event_id) for event_id in cited]
        raw.append((event.event_id, event.pdu, only_prev, auth, event.rejected))
    return raw


def rules(version: RoomVersion) -> int:
    """The bits that tell the engine about a room version."""
    return RULES[version.identifier]


def _bits(version: RoomVersion) -> int:
    return (
        version.special_aliases_auth
        | version.redaction_auth << 1
        | version.notification_levels_auth << 2
        | version.knock << 3
        | version.restricted << 4
        | version.knock_restricted << 5
        | version.integer_power_levels << 6
        | version.creator_is_sender << 7
        | version.privileged_creators << 8
        | (version.state_resolution is StateResolution.V2_1) << 9
        | (version.state_resolution is StateResolution.V1) << 10
    )


RULES: Final = {identifier: _bits(version) for identifier, version in ROOM_VERSIONS.items()}
