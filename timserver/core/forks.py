"""The resolution of a fork whose states are in the store: by numbers, from what differs alone (MAP 3.4, point 7).

The steps, between which the caller reads from the store what the last one asked for:

1. `differing` compares the parents' snapshots. Nothing differs: that is the state. (No other shortcut is right: when
   one state has only gone on from the other, an older event may still win, by its timestamp.)
2. `conflict`, given the `Placed` of all events that differ and the reach of each parent, says on which ranges of chains
   the rest of the full conflicted set stands. Room version 1 has no such rest.
   None when there are no vectors: `walk` finds the full set from the auth events of everything.
3. `full_set`, given the `Placed` of all events in these ranges, is the full conflicted set.
4. `asked_keys`, given the full set as `Stored`, names the part of the unconflicted state that matters: look the events
   up in any parent with `values`, except for keys that differ.
5. `resolve_fork`, given as `Stored` the full set, what it cites, and that part, and of the power levels which one cites
   which, gives the events of the keys that differ, and at times of others: `newcomers`.
6. The resolved state is a layer over the first parent's: `layer_over`, and the newcomers whose key it lacks. Its reach:
   `chains.reach_after`, with the events that left and came. Remembering outcomes by the parents' sorted snapshot numbers
   is the caller's business.

The create event never differs: whoever lets events in sees to it that a room has one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from timserver.core import choice
from timserver.core.definition import auth_chain, auth_vector, layered_state, stored_events
from timserver.core.definition.auth_vector import Range
from timserver.core.definition.layered_state import Layers
from timserver.core.resolution import rules
from timserver.core.stored import Conflict, Placed, Stored
from timserver.matrix.event import StateKey
from timserver.matrix.room_versions import RoomVersion, StateResolution

if choice.HAS_ENGINE:
    from timserver.core import engine

_CREATE: Final = ("m.room.create", "")
_LEVELS: Final = ("m.room.power_levels", "")


def differing(states: Sequence[Layers]) -> dict[int, tuple[int, ...]]:
    """The keys in which states differ, in ascending order, each with its event in each state: 0 where there is none.

    Of layers that all states share, only the upper ones are looked through.
    """
    return engine.differing(states) if choice.HAS_ENGINE else layered_state.differing(states)


def values(layers: Layers, keys: Iterable[int]) -> dict[int, int]:
    """The events of some keys, as far as the state has them."""
    return engine.values(layers, set(keys)) if choice.HAS_ENGINE else layered_state.values(layers, keys)


def merged(layers: Layers) -> dict[int, int]:
    """The whole state."""
    return engine.merged(layers) if choice.HAS_ENGINE else layered_state.merged(layers)


def conflict(
    version: RoomVersion, reached: Sequence[Layers | None], differing_events: Iterable[Placed]
) -> Conflict | None:
    """Where to look for the full conflicted set. `reached` has the reach of each state. None: it must be walked."""
    if version.state_resolution is StateResolution.V1:
        return Conflict((), (), {})
    conflicted = list(differing_events)
    known = [layers for layers in reached if layers is not None]
    placed = [(event.chain, event.position, event.vector) for event in conflicted if event.vector is not None]
    if len(known) < len(reached) or len(placed) < len(conflicted):
        return None
    if not choice.HAS_ENGINE:
        return stored_events.conflict(version, known, conflicted)
    difference = [Range(*part) for part in engine.reach_difference(known)]
    if version.state_resolution is StateResolution.V2:
        return Conflict(difference, (), {})
    between, lowest = engine.between(placed)
    return Conflict(difference, [Range(*part) for part in between], lowest)


def full_set(conflict: Conflict, differing_events: Iterable[Placed], found: Iterable[Placed]) -> set[int]:
    """The full conflicted set; `found` are the events that stand in the ranges of the conflict."""
    differences = {part.chain: part for part in conflict.difference}
    numbers = {event.number for event in differing_events}
    others: list[Placed] = []
    for event in found:
        part = differences.get(event.chain)
        if part is not None and part.after < event.position <= part.upto:
            numbers.add(event.number)
        elif event.vector is not None:  # those between conflicted events have one, as these have
            others.append(event)
    vectors = [event.vector for event in others if event.vector is not None]
    if choice.HAS_ENGINE:
        verdicts = engine.reaching_any(vectors, conflict.lowest)
    else:
        unpacked = map(choice.unpack_state, vectors)
        verdicts = [auth_vector.reaches_any(vector, conflict.lowest) for vector in unpacked]
    return numbers | {event.number for event, reaches in zip(others, verdicts, strict=True) if reaches}


class _Links(NamedTuple):
    auth_events: Sequence[int]


def walk(
    version: RoomVersion,
    states: Sequence[Collection[int]],
    differing_events: Iterable[int],
    auth: Mapping[int, Sequence[int]],
) -> set[int]:
    """The full conflicted set without vectors. `states` are all events of each state, `auth` the auth events of these,
    of those, and so on.
    """
    conflicted = set(differing_events)
    if version.state_resolution is StateResolution.V1:
        return conflicted
    links = {number: _Links(cited) for number, cited in auth.items()}
    full = conflicted | auth_chain.auth_difference(states, links)
    if version.state_resolution is StateResolution.V2_1:
        full |= auth_chain.conflicted_subgraph(conflicted, links)
    return full


def asked_keys(version: RoomVersion, full: Iterable[Stored]) -> set[StateKey]:
    """What authorization of the full conflicted set asks the unconflicted state for; the create event always."""
    if version.state_resolution is StateResolution.V2_1:
        return {_CREATE}  # it starts from nothing
    if choice.HAS_ENGINE:
        asked = engine.asked_keys(rules(version), [event.pdu for event in full])
    else:
        asked = stored_events.asked_keys(version, full)
    return asked | {_CREATE, _LEVELS}


def resolve_fork(
    version: RoomVersion,
    differing: Mapping[int, Sequence[int]],
    full: Collection[int],
    unconflicted: Mapping[StateKey, int],
    events: Mapping[int, Stored],
    older_levels: Mapping[int, int],
) -> dict[int, int]:
    """The event of each key that differs; a key that is missing here has none in the resolved state. Other keys: see
    `newcomers`.

    `full` is the full conflicted set, `unconflicted` what `asked_keys` has asked for and the state has; `events` has
    both, and the auth events of `full`. `older_levels` says of each power levels event to which these lead, by auth
    events that are power levels, which one it cites, if any. Needs no interpreter lock while the engine works.
    """
    if choice.HAS_ENGINE:
        winners = _resolve_by_engine(version, full, unconflicted, events, older_levels)
    else:
        states = [
            {stored_events.event_of(events[number], {}).key: number for number in numbers if number}
            for numbers in zip(*differing.values(), strict=True)
        ]
        winners = stored_events.resolve(version, states, unconflicted, full, events, older_levels)
    return {events[number].key: number for number in winners}


def newcomers(differing: Mapping[int, object], resolved: Mapping[int, int]) -> dict[int, int]:
    """The events of keys in which no states differ: the auth difference brings them in.

    Where the states have such a key they agree on it, and what they agree on stays. Where none has it, as when all have
    lost what it was, the event becomes state.
    """
    return {key: number for key, number in resolved.items() if key not in differing}


def layer_over(
    differing: Mapping[int, Sequence[int]], resolved: Mapping[int, int], parent: int = 0
) -> dict[int, int]:
    """What the resolved state changes in the state of one parent; 0 takes a key away."""
    return {
        key: resolved.get(key, 0)
        for key, events in differing.items()
        if resolved.get(key, 0) != events[parent]
    }


def _resolve_by_engine(
    version: RoomVersion,
    full: Collection[int],
    unconflicted: Mapping[StateKey, int],
    events: Mapping[int, Stored],
    older_levels: Mapping[int, int],
) -> list[int]:
    agreed = _agreed(version, full, events)
    rows = [
        (number, event.event_id, event.pdu, event.prev, event.auth, event.rejected)
        for number, event in events.items()
    ]
    return engine.resolve_stored(
        rules(version),
        rows,
        unconflicted[_CREATE],
        [*unconflicted.values(), *agreed],
        [number for number in full if number not in agreed],
        older_levels,
    )


def _agreed(version: RoomVersion, full: Collection[int], events: Mapping[int, Stored]) -> set[int]:
    """In room version 1, events that no other one contradicts: a key that some states lack is no conflict."""
    if version.state_resolution is not StateResolution.V1:
        return set()
    candidates: dict[int, set[int]] = {}
    for number in full:
        candidates.setdefault(events[number].key, set()).add(number)
    return {number for numbers in candidates.values() if len(numbers) == 1 for number in numbers}
