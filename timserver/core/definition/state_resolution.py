"""State resolution of all room versions: one state out of several.

`resolve` is the whole algorithm, on events that are all at hand.

Spec: https://spec.matrix.org/v1.19/rooms/v12/#state-resolution
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from timserver.core.definition import state_resolution_v1, state_resolution_v2
from timserver.core.definition.auth_chain import auth_difference, conflicted_subgraph
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import RoomVersion, StateResolution

StateMap = Mapping[StateKey, EventID]


def resolve(
    version: RoomVersion, states: Sequence[StateMap], events: Mapping[EventID, Event]
) -> dict[StateKey, EventID]:
    """The resolution of `states`. `events` has all events of the states, and all of their auth chains."""
    if version.state_resolution is StateResolution.V1:
        return state_resolution_v1.resolve(version, states, events)
    unconflicted, conflicted = separate(states)
    if not conflicted:
        return unconflicted
    full = conflicted_set(version, states, conflicted, events)
    return state_resolution_v2.resolve(version, unconflicted, full, events)


def separate(states: Sequence[StateMap]) -> tuple[dict[StateKey, EventID], set[EventID]]:
    """The unconflicted state map and the conflicted state set.

    A key that has the same event in every state is unconflicted; one that a state lacks is not.
    """
    unconflicted: dict[StateKey, EventID] = {}
    conflicted: set[EventID] = set()
    for key in dict.fromkeys(key for state in states for key in state):
        event_ids = {state.get(key) for state in states}
        if len(event_ids) == 1:
            unconflicted[key] = states[0][key]
        else:
            conflicted |= {event_id for event_id in event_ids if event_id is not None}
    return unconflicted, conflicted


def conflicted_set(
    version: RoomVersion,
    states: Iterable[StateMap],
    conflicted: AbstractSet[EventID],
    events: Mapping[EventID, Event],
) -> set[EventID]:
    """The full conflicted set: conflicted state set, auth difference, and, from version 12, what lies between."""
    full = set(conflicted) | auth_difference([state.values() for state in states], events)
    if version.state_resolution is StateResolution.V2_1:
        full |= conflicted_subgraph(conflicted, events)
    return full
