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
5. `resolve_fork`, given as `Stored` the full set, all that it cites and that part, and of the power levels which one
   cites which, gives the events of the keys that differ.
6. The resolved state is a layer over the first parent's: `layer_over`. Its reach: `chains.reach_after`, with the events
   that left and came. Remembering outcomes by the parents' sorted snapshot numbers is the caller's business.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import orjson

from timserver.core.chains import Placed
from timserver.core.choice import unpack_state
from timserver.core.definition import auth_chain, auth_vector, layered_state, state_resolution_v1
from timserver.core.definition.auth_events import state_keys
from timserver.core.definition.auth_vector import Range
from timserver.core.definition.layered_state import Layers, differing, values
from timserver.core.resolution import resolve_conflicted
from timserver.matrix.event import Event, StateKey, get_int, get_object, get_str
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.room_versions import RoomVersion, StateResolution

__all__ = [
    "Conflict", "Range", "Stored", "asked_keys", "conflict", "differing", "full_set", "layer_over", "resolve_fork",
    "values", "walk",
]  # fmt: skip

_CREATE: Final = ("m.room.create", "")
_LEVELS: Final = (
    b'{"content":{},"origin_server_ts":0,"sender":"","state_key":"","type":"m.room.power_levels"}'
)


class Conflict(msgspec.Struct, frozen=True):
    """Where the full conflicted set stands, beside the events that differ."""

    difference: Sequence[Range]  # the auth difference: all events there
    between: Sequence[Range]  # from room version 12: those that lie between conflicted events
    lowest: Mapping[int, int]  # what these must reach

    @property
    def ranges(self) -> list[Range]:
        """What to read from the store: all placed events of these positions. Ranges may overlap."""
        return [*self.difference, *self.between]


class Stored(msgspec.Struct, frozen=True):
    """An event of the store, as far as resolution asks for it."""

    event_id: EventID
    key: int
    pdu: bytes
    prev: Sequence[int]
    auth: Sequence[int]
    rejected: bool = False


def conflict(
    version: RoomVersion, reached: Sequence[Layers | None], differing_events: Iterable[Placed]
) -> Conflict | None:
    """Where to look for the full conflicted set. `reached` has the reach of each state. None: it must be walked."""
    if version.state_resolution is StateResolution.V1:
        return Conflict((), (), {})
    placed = [_unpacked(event) for event in differing_events]
    known = [layered_state.merged(layers) for layers in reached if layers is not None]
    conflicted = [event for event in placed if event is not None]
    if len(known) < len(reached) or len(conflicted) < len(placed):
        return None
    tops = [{chain: auth_vector.position_of(top) for chain, top in state.items()} for state in known]
    difference = auth_vector.difference(tops)
    if version.state_resolution is StateResolution.V2:
        return Conflict(difference, (), {})
    lowest = auth_vector.lowest_places(conflicted)
    return Conflict(difference, auth_vector.between(conflicted), lowest)


def _unpacked(event: Placed) -> auth_vector.Placed | None:
    if event.vector is None:
        return None
    place = (event.chain, event.position) if event.chain else None
    return auth_vector.Placed(event.key, place, unpack_state(event.vector))


def full_set(conflict: Conflict, differing_events: Iterable[Placed], found: Iterable[Placed]) -> set[int]:
    """The full conflicted set; `found` are the events that stand in the ranges of the conflict."""
    differences = {part.chain: part for part in conflict.difference}
    numbers = {event.number for event in differing_events}
    for event in found:
        part = differences.get(event.chain)
        in_difference = part is not None and part.after < event.position <= part.upto
        if in_difference or (
            event.vector is not None and auth_vector.reaches_any(unpack_state(event.vector), conflict.lowest)
        ):
            numbers.add(event.number)
    return numbers


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


def asked_keys(version: RoomVersion, events: Iterable[Stored]) -> set[StateKey]:
    """What authorization of the full conflicted set asks the unconflicted state for; the create event always."""
    keys = {("m.room.create", "")}
    if version.state_resolution is StateResolution.V2_1:
        return keys  # it starts from nothing
    keys.add(("m.room.power_levels", ""))
    for event in events:
        content = orjson.loads(event.pdu)
        asked = state_keys(
            version,
            get_str(content, "type") or "",
            get_str(content, "sender") or "",
            get_str(content, "state_key"),
            get_object(content, "content") or {},
        )
        keys.update(asked)
    return keys


def resolve_fork(
    version: RoomVersion,
    differing: Mapping[int, Sequence[int]],
    full: Collection[int],
    unconflicted: Mapping[StateKey, int],
    events: Mapping[int, Stored],
    older_levels: Mapping[int, int],
) -> dict[int, int]:
    """The event of each key that differs; a key that is missing here has none in the resolved state.

    `full` is the full conflicted set, `unconflicted` what `asked_keys` has asked for and the state has; `events` has
    both and all their auth events. `older_levels` says of each power levels event to which these lead, by auth events
    that are power levels, which one it cites, if any.
    """
    known = _Known(version, events[unconflicted[_CREATE]], events, older_levels)
    winners = _resolve(known, differing, full, unconflicted)
    by_key = {events[number].key: number for number in winners}
    return {key: by_key[key] for key in differing if key in by_key}


class _Known:
    """The stored events as the algorithms take them: with ids, all of one room."""

    def __init__(
        self,
        version: RoomVersion,
        create: Stored,
        stored: Mapping[int, Stored],
        older_levels: Mapping[int, int],
    ) -> None:
        self.version, self.create = version, create
        self.numbers = {event.event_id: number for number, event in stored.items()}
        self.ids = {number: event.event_id for number, event in stored.items()}
        for number in (*older_levels, *older_levels.values()):
            self.ids.setdefault(number, EventID(f"${number}"))
        self.events = {event.event_id: self._event(event) for event in stored.values()}
        for number, event_id in self.ids.items():
            if event_id not in self.events:
                cited = older_levels.get(number)
                self.events[event_id] = self._event(
                    Stored(event_id, 0, _LEVELS, (), (cited,) if cited else ())
                )

    def _event(self, stored: Stored) -> Event:
        value = orjson.loads(stored.pdu)
        redacts = get_str(value, "redacts")
        return Event(
            event_id=stored.event_id,
            room_id=RoomID(""),
            sender=UserID(value["sender"]),
            type=value["type"],
            state_key=get_str(value, "state_key"),
            content=value["content"],
            origin_server_ts=value["origin_server_ts"],
            depth=get_int(value, "depth") or 0,
            prev_events=tuple(self.ids.get(number, EventID(f"${number}")) for number in stored.prev),
            auth_events=tuple(self.ids[number] for number in stored.auth if number in self.ids),
            redacts=EventID(redacts) if redacts is not None else None,
            hashes={},
            signatures=get_object(value, "signatures") or {},
            pdu=stored.pdu,
            rejected=stored.rejected,
        )


def _resolve(
    known: _Known,
    differing: Mapping[int, Sequence[int]],
    full: Iterable[int],
    unconflicted: Mapping[StateKey, int],
) -> Iterable[int]:
    state = {key: known.ids[number] for key, number in unconflicted.items()}
    if known.version.state_resolution is StateResolution.V1:
        resolved = state_resolution_v1.resolve(known.version, _states(known, differing, state), known.events)
    else:
        conflicted = {known.ids[number] for number in full}
        resolved = resolve_conflicted(known.version, state, conflicted, known.events)
    return [known.numbers[event_id] for event_id in resolved.values()]


def _states(
    known: _Known, differing: Mapping[int, Sequence[int]], unconflicted: Mapping[StateKey, EventID]
) -> list[dict[StateKey, EventID]]:
    """The parts of the parents' states that matter."""
    states: list[dict[StateKey, EventID]] = []
    for numbers in zip(*differing.values(), strict=True):
        found = [known.events[known.ids[number]] for number in numbers if number]
        states.append({**unconflicted, **{event.key: event.event_id for event in found}})
    return states


def layer_over(
    differing: Mapping[int, Sequence[int]], resolved: Mapping[int, int], parent: int = 0
) -> dict[int, int]:
    """What the resolved state changes in the state of one parent; 0 takes a key away."""
    return {
        key: resolved.get(key, 0)
        for key, events in differing.items()
        if resolved.get(key, 0) != events[parent]
    }
