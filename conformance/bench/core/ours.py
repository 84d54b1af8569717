"""timserver's part: a room as the store keeps it, in memory, and the steps of `core.forks`."""

import time
from collections.abc import Iterable

import msgspec

from conformance.bench.core.rooms import Fork
from timserver import core
from timserver.core.chains import CITABLE_TYPES
from timserver.core.definition.auth_vector import Range
from timserver.core.definition.layered_state import Layers
from timserver.core.stored import Placed
from timserver.matrix.event import StateKey
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import ROOM_VERSIONS

AT_ONCE = 10
"""Resolutions between two looks at the clock."""


class Parents(msgspec.Struct, frozen=True):
    """What the branches have come to: states and their reach, in layers."""

    states: list[Layers]
    reaches: list[Layers]


class StoredFork:
    """A fork in rows: numbers, packed states, vectors."""

    def __init__(self, fork: Fork) -> None:
        self.version = ROOM_VERSIONS[fork.version]
        self.numbers: dict[EventID, int] = {}
        self.keys: dict[StateKey, int] = {}
        self.rows: dict[int, core.Stored] = {}
        self.pdus: dict[int, tuple[Placed, EventID, bytes, list[int], list[int]]] = {}
        self.placed: dict[int, Placed] = {}
        self.by_chain: dict[int, list[Placed]] = {}
        self.older_levels: dict[int, int] = {}
        ends: dict[int, int] = {}
        levels_key = 1
        self.keys["m.room.power_levels", ""] = levels_key
        for event in fork.events.values():
            number = self.numbers[event.event_id] = len(self.numbers) + 1
            key = self.keys.setdefault(event.key, len(self.keys) + 1)
            auth = [self.numbers[event_id] for event_id in event.auth_events]
            prev = [self.numbers[event_id] for event_id in event.prev_events]
            new_chain = len(ends) + 1 if event.type in CITABLE_TYPES else 0
            placed = core.place(number, key, [self.placed[cited] for cited in auth], ends, new_chain)
            self.placed[number] = placed
            self.pdus[number] = (placed, event.event_id, event.pdu, prev, auth)
            self.rows[number] = core.read_stored(*self.pdus[number])
            if placed.chain:
                ends[placed.chain] = placed.position
                self.by_chain.setdefault(placed.chain, []).append(placed)
            if key == levels_key:
                cited_levels = [cited for cited in auth if self.rows[cited].key == levels_key]
                self.older_levels.update((number, cited) for cited in cited_levels)
        base = {self.keys[key]: self.numbers[event_id] for key, event_id in fork.base.items()}
        reach = core.reach(self.placed[number].vector for number in base.values())
        assert reach is not None
        self.base = base
        self.reach = reach
        changed = [self._branch(branch) for branch in fork.branches]
        self.parents = Parents(
            [[base, state] for state, _ in changed], [[reach, tops] for _, tops in changed]
        )
        packed = core.pack_state(base), core.pack_state(reach)
        self.packed = Parents(
            [[packed[0], state] for state, _ in changed], [[packed[1], tops] for _, tops in changed]
        )

    def _branch(self, branch: Iterable[EventID]) -> tuple[bytes, bytes]:
        state: dict[int, int] = {}
        reach: dict[int, int] = {}
        for event_id in branch:
            number = self.numbers[event_id]
            key = self.rows[number].key
            old = state.get(key, self.base.get(key, 0))
            removed = [self.placed[old].vector] if old else []
            change = core.reach_after([self.reach, reach], removed, [self.placed[number].vector])
            assert change is not None
            reach |= change
            state[key] = number
        return core.pack_state(state), core.pack_state(reach)

    def resolve(self, *, cold: bool = False) -> tuple[dict[int, int], dict[int, int] | None]:
        """What the outcome changes over the first parent: in its state, and in its reach.

        Cold: nothing of the room is in memory, all events are read from their PDUs and the whole state is packed.
        """
        parents = self.packed if cold else self.parents
        stored = self._read if cold else self.rows.__getitem__
        state, reach = parents.states[0], parents.reaches[0]
        fork = core.fork(self.version, parents.states)
        ranges = fork.ranges(parents.reaches, [*map(stored, fork.numbers)])
        assert ranges is not None
        more = fork.full_set(self._in(ranges)) if ranges else []
        asked = fork.asked_keys([*map(stored, more)])
        found = core.values(state, filter(None, map(self.keys.get, asked)))
        cited = fork.cited([*map(stored, found.values())])
        layer, newcomers = fork.resolve([*map(stored, cited)], self.older_levels)
        if newcomers:
            held = core.values(state, newcomers)
            newcomers = {key: number for key, number in newcomers.items() if key not in held}
            layer |= newcomers
        return layer, fork.reach_after(reach, set(newcomers.values()))

    def _read(self, number: int) -> core.Stored:
        return core.read_stored(*self.pdus[number])

    def _in(self, ranges: Iterable[Range]) -> list[Placed]:
        found: list[Placed] = []
        for chain, after, upto in ranges:
            found += self.by_chain[chain][after:upto]
        return found

    def outcome(self, *, cold: bool = False) -> set[EventID]:
        """The events of the resolved state."""
        change, _ = self.resolve(cold=cold)
        whole = core.merged([*self.parents.states[0], change])
        return {self.rows[number].event_id for number in whole.values()}

    def measure(self, repeats: int, *, cold: bool = False) -> float:
        """Nanoseconds of CPU of a resolution: the median, of ten at a time, because a look at the clock costs half a
        microsecond.
        """
        times = []
        for _ in range(repeats):
            start = time.thread_time_ns()
            for _ in range(AT_ONCE):
                self.resolve(cold=cold)
            times.append(time.thread_time_ns() - start)
        return sorted(times)[repeats // 2] / AT_ONCE
