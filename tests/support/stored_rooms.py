"""Rooms in a toy store: numbers for ids, packed snapshots in layers, vectors and reach, resolved as the real one does."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from tests.support.random_rooms import RandomRoom, with_pdu
from timserver import core
from timserver.core import chains
from timserver.core.definition.auth_vector import Range
from timserver.core.stored import Placed
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import RoomVersion

LAYERS_MAX = 3


class Snapshot(msgspec.Struct, frozen=True):
    """A state and its reach, in layers."""

    state: tuple[bytes, ...]
    reach: tuple[bytes, ...] | None


EMPTY = Snapshot((), ())


class StoredRoom:
    """All events of a room as rows; `snapshots` has the state after each."""

    def __init__(self, room: RandomRoom, *, by_vectors: bool = True) -> None:
        self.room = room
        self.by_vectors = by_vectors
        self.numbers: dict[EventID, int] = {}
        self.keys: dict[StateKey, int] = {}
        self.rows: dict[int, core.Stored] = {}
        self.placed: dict[int, Placed] = {}
        self.chain_ends: dict[int, int] = {}
        self.snapshots: dict[EventID, Snapshot] = {}
        self.recounts = 0
        self.steps: list[object] = []
        """What forks have asked for and answered, in order."""
        for event in room.events.values():
            self._store(event)

    def _store(self, event: Event) -> None:
        number = self.numbers[event.event_id] = 7 * len(self.numbers) + 3
        key = self.keys.setdefault(event.key, 5 * len(self.keys) + 2) if event.is_state else 0
        auth = [self.numbers[event_id] for event_id in event.auth_events]
        before = self.state_after(event.prev_events)
        placed = Placed(number, key, 0, 0, None)
        is_placed = event.is_state and not event.rejected
        if is_placed:
            placed = self._place(event, number, key, auth)
        self.rows[number] = self._read(event, placed)
        if is_placed:
            old = core.values(before.state, [key]).get(key)
            removed = [self.placed[old].vector] if old else []
            reach = chains.reach_after(before.reach, removed, [placed.vector])
            before = self._after(before, {key: number}, reach)
        self.snapshots[event.event_id] = before

    def _read(self, event: Event, placed: Placed) -> core.Stored:
        auth = [self.numbers[event_id] for event_id in event.auth_events]
        prev = [self.numbers[event_id] for event_id in event.prev_events]
        return core.read_stored(placed, event.event_id, event.pdu, prev, auth, event.rejected)

    def _place(self, event: Event, number: int, key: int, auth: Sequence[int]) -> Placed:
        new_chain = len(self.chain_ends) + 1 if event.type in chains.CITABLE_TYPES else 0
        cited = [self.placed[auth_number] for auth_number in auth]
        placed = chains.place(number, key, cited, self.chain_ends, new_chain)
        self.placed[number] = placed
        if placed.chain:
            self.chain_ends[placed.chain] = placed.position
        return placed

    def _after(
        self,
        before: Snapshot,
        change: dict[int, int],
        reach_change: dict[int, int] | None,
    ) -> Snapshot:
        state = layered(before.state, change)
        if reach_change is None or before.reach is None:
            self.recounts += 1
            numbers = merged(state).values()
            whole = chains.reach(self.placed[number].vector for number in numbers)
            return Snapshot(state, None if whole is None else (core.pack_state(whole),))
        return Snapshot(state, layered(before.reach, reach_change))

    def state_after(self, event_ids: Collection[EventID]) -> Snapshot:
        """The resolved state after these events."""
        parents = [self.snapshots[event_id] for event_id in event_ids] or [EMPTY]
        fork = core.fork(self.room.version, [parent.state for parent in parents])
        if not fork.numbers:
            return parents[0]
        more = [self.rows[number] for number in self._rest_of_full_set(fork, parents)]
        asked = fork.asked_keys(more)
        keys = {self.keys[key]: key for key in asked if key in self.keys}
        assert not keys.keys() & fork.differing.keys()
        unconflicted = [self.rows[number] for number in core.values(parents[0].state, keys).values()]
        cited = [self.rows[number] for number in fork.cited(unconflicted)]
        layer, new = fork.resolve(cited, _cited_levels(self.rows, self.keys))
        self.steps += [fork.differing, asked, sorted(event.number for event in (*more, *cited)), layer, new]
        held = core.values(parents[0].state, new)
        new = {key: number for key, number in new.items() if key not in held}
        before = parents[0].reach
        reach = None if before is None else fork.reach_after(before, set(new.values()))
        self.steps.append(reach)
        return self._after(parents[0], layer | new, reach)

    def _rest_of_full_set(self, fork: core.Fork, parents: Sequence[Snapshot]) -> list[int]:
        numbers = fork.numbers
        ranges = fork.ranges([parent.reach for parent in parents], [self.rows[number] for number in numbers])
        self.steps += [sorted(numbers), ranges]
        if ranges is None or not self.by_vectors:
            return self.walk(parents, numbers)
        return fork.full_set(self.placed_in(ranges))

    def walk(self, parents: Sequence[Snapshot], numbers: Sequence[int]) -> list[int]:
        """The full conflicted set beyond the events that differ, from the auth events of everything."""
        states = [merged(parent.state).values() for parent in parents]
        auth = {number: row.auth for number, row in self.rows.items()}
        return [*(core.walk(self.room.version, states, numbers, auth) - set(numbers))]

    def without_vector(self, number: int) -> core.Stored:
        """The event as if its vector were too long."""
        placed = msgspec.structs.replace(self.placed[number], vector=None)
        return self._read(self.room.events[self.rows[number].event_id], placed)

    def placed_in(self, ranges: Sequence[Range]) -> list[Placed]:
        """All that stands there."""
        return [
            event
            for event in self.placed.values()
            if any(chain == event.chain and after < event.position <= upto for chain, after, upto in ranges)
        ]

    def text(self, snapshot: Snapshot) -> dict[StateKey, EventID]:
        """The state in ids."""
        names = {number: key for key, number in self.keys.items()}
        return {names[key]: self.rows[number].event_id for key, number in merged(snapshot.state).items()}


def merged(layers: Sequence[bytes]) -> dict[int, int]:
    """What the layers say together."""
    whole: dict[int, int] = {}
    for layer in layers:
        whole |= core.unpack_state(layer)
    return {key: value for key, value in whole.items() if value}


def layered(layers: Sequence[bytes], change: dict[int, int]) -> tuple[bytes, ...]:
    """One layer more, or a full one when there are enough."""
    if len(layers) < LAYERS_MAX:
        return (*layers, core.pack_state(change))
    return (core.pack_state({key: value for key, value in (merged(layers) | change).items() if value}),)


def resolved_by_numbers(
    version: RoomVersion, states: Sequence[Mapping[StateKey, EventID]], events: Mapping[EventID, Event]
) -> dict[StateKey, EventID]:
    """The resolution of whole states in the way of stored ones, without vectors."""
    numbers = {event_id: 3 * place + 1 for place, event_id in enumerate(events)}
    named = sorted({event.key for event in events.values() if event.is_state})
    keys = {key: 2 * place + 5 for place, key in enumerate(named)}
    rows = {
        numbers[event_id]: core.read_stored(
            Placed(numbers[event_id], keys[event.key] if event.is_state else 0, 0, 0, None),
            event_id,
            with_pdu(event).pdu,
            [numbers[previous] for previous in event.prev_events],
            [numbers[cited] for cited in event.auth_events],
            event.rejected,
        )
        for event_id, event in events.items()
    }
    layers = [
        [core.pack_state({keys[key]: numbers[event_id] for key, event_id in state.items()})]
        for state in states
    ]
    fork = core.fork(version, layers)
    fork.ranges([None for _ in layers], [rows[number] for number in fork.numbers])
    whole = [{numbers[event_id] for event_id in state.values()} for state in states]
    auth = {number: row.auth for number, row in rows.items()}
    more = core.walk(version, whole, fork.numbers, auth) - set(fork.numbers)
    asked = {keys[key] for key in fork.asked_keys([rows[number] for number in more]) if key in keys}
    unconflicted = core.values(layers[0], asked - fork.differing.keys())
    cited = fork.cited([rows[number] for number in unconflicted.values()])
    layer, new = fork.resolve([rows[number] for number in cited], _cited_levels(rows, keys))
    held = core.values(layers[0], new)
    newcomers = {key: number for key, number in new.items() if key not in held}
    state = merged([*layers[0], core.pack_state(layer | newcomers)])
    ids, names = {n: i for i, n in numbers.items()}, {n: key for key, n in keys.items()}
    return {names[key]: ids[number] for key, number in state.items()}


def _cited_levels(rows: Mapping[int, core.Stored], keys: Mapping[StateKey, int]) -> dict[int, int]:
    """Of power levels which ones they cite."""
    key = keys.get(("m.room.power_levels", ""))
    levels = {number for number, row in rows.items() if row.key == key}
    cited = {number: [auth for auth in rows[number].auth if auth in levels] for number in levels}
    return {number: found[0] for number, found in cited.items() if found}
