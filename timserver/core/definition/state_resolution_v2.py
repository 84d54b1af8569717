"""State resolution v2 (room versions 2 to 11) and v2.1 (from 12), in the steps of the spec.

Spec: https://spec.matrix.org/v1.19/rooms/v12/#algorithm
"""

import heapq
import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from timserver.core.definition.auth import check_auth
from timserver.core.definition.auth_events import state_keys
from timserver.matrix import power_levels
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID
from timserver.matrix.power_levels import PowerLevels
from timserver.matrix.room_versions import RoomVersion, StateResolution

_CREATE = ("m.room.create", "")
_POWER_LEVELS = ("m.room.power_levels", "")
_JOIN_RULES = ("m.room.join_rules", "")

State = dict[StateKey, EventID]


class _Room(msgspec.Struct, frozen=True):
    """What every step needs."""

    version: RoomVersion
    create: Event
    events: Mapping[EventID, Event]
    conflicted: AbstractSet[EventID]


def resolve(
    version: RoomVersion,
    unconflicted: Mapping[StateKey, EventID],
    conflicted: AbstractSet[EventID],
    events: Mapping[EventID, Event],
) -> State:
    """The resolved state; `conflicted` is the full conflicted set.

    Differs from the spec: events that were rejected are never applied (RELIABILITY E6).
    """
    room = _Room(version, events[unconflicted[_CREATE]], events, conflicted)
    # 1. Power events, with what of their auth chains is conflicted
    power_events = _power_events(room)
    # 2. Iterative auth checks, from version 12 on starting with nothing
    from_nothing = version.state_resolution is StateResolution.V2_1
    state: State = {} if from_nothing else dict(unconflicted)
    _apply(room, state, _power_ordering(room, power_events))
    # 3. and 4. All others, by mainline
    _apply(room, state, _mainline_ordering(room, state, conflicted - power_events))
    # 5. What was never in conflict stays
    return {**state, **unconflicted}


def _is_power_event(event: Event) -> bool:
    if not event.is_state:
        return False
    if event.key in (_POWER_LEVELS, _JOIN_RULES):
        return True
    removes = event.type == "m.room.member" and event.membership in ("leave", "ban")
    return removes and event.sender != event.state_key


def _power_events(room: _Room) -> set[EventID]:
    """Step 1's X.

    Differs from the spec's letter, as other servers do: the auth chain is followed only through conflicted events.
    """
    chosen = {event_id for event_id in room.conflicted if _is_power_event(room.events[event_id])}
    pending = list(chosen)
    while pending:
        for event_id in room.events[pending.pop()].auth_events:
            if event_id in room.conflicted and event_id not in chosen:
                chosen.add(event_id)
                pending.append(event_id)
    return chosen


def _power_ordering(room: _Room, event_ids: AbstractSet[EventID]) -> list[EventID]:
    """Reverse topological power ordering: auth events before who cites them; among those that could come next, the
    sender with the greater level, the earlier event, the smaller id.
    """
    waiting_for: dict[EventID, int] = {}
    cited_by: dict[EventID, list[EventID]] = {}
    for event_id in event_ids:
        cited = {auth_id for auth_id in room.events[event_id].auth_events if auth_id in event_ids}
        waiting_for[event_id] = len(cited)
        for auth_id in cited:
            cited_by.setdefault(auth_id, []).append(event_id)
    ready = [_power_rank(room, event_id) for event_id, count in waiting_for.items() if count == 0]
    heapq.heapify(ready)
    ordered: list[EventID] = []
    while ready:
        *_, event_id = heapq.heappop(ready)
        ordered.append(event_id)
        for citing_id in cited_by.get(event_id, ()):
            waiting_for[citing_id] -= 1
            if waiting_for[citing_id] == 0:
                heapq.heappush(ready, _power_rank(room, citing_id))
    return ordered


def _power_rank(room: _Room, event_id: EventID) -> tuple[float, int, EventID]:
    event = room.events[event_id]
    cited = cited_power_levels(room.events, event)
    content = cited.content if cited else None
    levels = PowerLevels(room.version, content, power_levels.creators(room.version, room.create))
    return -power_levels.user_level(levels, event.sender), event.origin_server_ts, event_id


def cited_power_levels(events: Mapping[EventID, Event], event: Event) -> Event | None:
    """The power levels among the event's auth events."""
    for auth_id in event.auth_events:
        auth_event = events[auth_id]
        if auth_event.is_state and auth_event.key == _POWER_LEVELS:
            return auth_event
    return None


def _mainline_ordering(room: _Room, state: State, event_ids: AbstractSet[EventID]) -> list[EventID]:
    """Events based on older power levels first, then the earlier, then the smaller id."""
    positions: dict[EventID, float] = {}
    current = room.events[state[_POWER_LEVELS]] if _POWER_LEVELS in state else None
    while current is not None and current.event_id not in positions:  # never in circles
        positions[current.event_id] = len(positions)
        current = cited_power_levels(room.events, current)

    def rank(event_id: EventID) -> tuple[float, int, EventID]:
        event = room.events[event_id]
        return -_mainline_position(room, positions, event), event.origin_server_ts, event_id

    return sorted(event_ids, key=rank)


def _mainline_position(room: _Room, positions: dict[EventID, float], event: Event) -> float:
    """The position of the nearest power levels in the mainline, infinite when there are none."""
    passed: list[EventID] = []
    current = cited_power_levels(room.events, event)
    while current is not None and current.event_id not in positions:
        positions[current.event_id] = math.inf  # never in circles
        passed.append(current.event_id)
        current = cited_power_levels(room.events, current)
    position = positions[current.event_id] if current else math.inf
    positions.update(dict.fromkeys(passed, position))  # no mainline events, but they lead to the same place
    return position


def _apply(room: _Room, state: State, event_ids: Iterable[EventID]) -> None:
    """Iterative auth checks: what is allowed becomes state."""
    for event_id in event_ids:
        event = room.events[event_id]
        if event.is_state and not event.rejected:
            auth_state = _auth_state(room, state, event)
            if check_auth(room.version, event, auth_state) is None:
                state[event.key] = event_id


def _auth_state(room: _Room, state: State, event: Event) -> dict[StateKey, Event]:
    """What the state says, and where it says nothing, the event's own auth events that were not rejected."""
    cited = (room.events[auth_id] for auth_id in event.auth_events)
    usable = (auth_event for auth_event in cited if auth_event.is_state and not auth_event.rejected)
    auth_state = {auth_event.key: auth_event for auth_event in usable}
    for key in state_keys(room.version, event.type, event.sender, event.state_key, event.content):
        if key in state:
            auth_state[key] = room.events[state[key]]
    auth_state[_CREATE] = room.create
    return auth_state
