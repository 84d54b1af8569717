"""Forks resolved by numbers, deltas and vectors have the outcome of the whole algorithm on whole states."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.random_rooms import RandomRoom, with_pdu
from tests.support.rooms import ALICE, Room
from tests.support.stored_rooms import StoredRoom, merged, resolved_by_numbers
from timserver import core
from timserver.core import chains, choice
from timserver.core.definition import auth_chain, auth_vector, layered_state
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import ROOM_VERSIONS, StateResolution

versions = st.sampled_from(sorted(ROOM_VERSIONS))
seeds = st.integers(0, 2**32)
LEVELS = ("m.room.power_levels", "")


@contextmanager
def engine_is(there: bool) -> Iterator[None]:
    """Without it the definition does the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "HAS_ENGINE", there)
        yield


@given(versions, seeds, st.booleans(), st.booleans(), st.integers(2, 4))
def test_states_are_those_of_the_whole_algorithm(
    version: str, seed: int, by_vectors: bool, by_engine: bool, count: int
) -> None:
    room = RandomRoom(version, seed).grow(30)
    together = room.random.sample(sorted(room.states), count)
    resolved = core.resolve(room.version, [room.states[event_id] for event_id in together], room.events)
    with engine_is(by_engine):
        stored = StoredRoom(room, by_vectors=by_vectors)
        for event_id, state in room.states.items():
            assert stored.text(stored.snapshots[event_id]) == state
        assert stored.text(stored.state_after(together)) == resolved


@given(versions, seeds, st.integers(2, 4))
def test_the_engine_takes_the_steps_of_the_definition(version: str, seed: int, count: int) -> None:
    room = RandomRoom(version, seed).grow(30)
    together = room.random.sample(sorted(room.states), count)
    taken = []
    for by_engine in (True, False):
        with engine_is(by_engine):
            stored = StoredRoom(room)
            stored.state_after(together)
        taken.append(stored.steps)
    assert taken[0] == taken[1]


@given(versions, seeds)
def test_what_is_read_of_an_event_is_what_its_pdu_says(version: str, seed: int) -> None:
    room = RandomRoom(version, seed).grow(10)
    stored = StoredRoom(room)
    for event_id, number in stored.numbers.items():
        row, event = stored.rows[number], room.events[event_id]
        auth = [stored.numbers[cited] for cited in event.auth_events]
        key = stored.keys[event.key] if event.is_state else 0
        assert (row.number, row.key, row.event_id, row.event_type) == (number, key, event_id, event.type)
        assert [*row.auth] == auth
        assert len(event_id) + len(event.sender) < row.size_bytes < 1_000 + 4 * len(event.pdu)


@given(versions, seeds, st.booleans())
def test_the_reach_of_a_snapshot_is_that_of_its_events(version: str, seed: int, by_engine: bool) -> None:
    with engine_is(by_engine):
        stored = StoredRoom(RandomRoom(version, seed).grow(30))
    for snapshot in stored.snapshots.values():
        assert snapshot.reach is not None
        numbers = merged(snapshot.state).values()
        vectors = [core.unpack_state(stored.placed[number].vector or b"") for number in numbers]
        assert merged(snapshot.reach) == auth_vector.reach(vectors)


@given(versions, seeds, st.integers(2, 4))
def test_engine_and_definition_keep_the_same(version: str, seed: int, count: int) -> None:
    room = RandomRoom(version, seed).grow(30)
    together = room.random.sample(sorted(room.states), count)
    kept: list[object] = []
    for by_engine in (True, False):
        with engine_is(by_engine):
            stored = StoredRoom(room)
            parents = [stored.snapshots[event_id] for event_id in together]
            fork = core.fork(room.version, [parent.state for parent in parents])
            reached = [parent.reach for parent in parents]
            ranges = fork.ranges(reached, [stored.rows[number] for number in fork.numbers])
            kept.append((stored.placed, stored.snapshots, fork.differing, fork.numbers, sorted(ranges or ())))
    assert kept[0] == kept[1]


@given(versions, seeds, st.booleans(), st.integers(2, 4))
def test_what_vectors_tell_of_the_full_set_is_what_walking_finds(
    version: str, seed: int, by_engine: bool, count: int
) -> None:
    room = RandomRoom(version, seed).grow(30)
    with engine_is(by_engine):
        stored = StoredRoom(room)
        parents = [stored.snapshots[event_id] for event_id in room.random.sample(sorted(room.states), count)]
        fork = core.fork(room.version, [parent.state for parent in parents])
        differing = [stored.rows[number] for number in fork.numbers]
        ranges = fork.ranges([parent.reach for parent in parents], differing)
        assert ranges is not None
        walked = stored.walk(parents, fork.numbers)
        assert sorted(fork.full_set(stored.placed_in(ranges))) == sorted(walked)
        if room.version.state_resolution is not StateResolution.V2_1:
            # Nothing lies between conflicted events: whatever else is read, it is not taken.
            assert sorted(fork.full_set([*stored.placed.values()])) == sorted(walked)


@given(versions, seeds, st.booleans())
def test_without_a_vector_nothing_is_told(version: str, seed: int, by_engine: bool) -> None:
    """Neither where the full conflicted set stands, as without a reach, nor what the resolved state reaches."""
    room = RandomRoom(version, seed).grow(30)
    with engine_is(by_engine):
        stored = StoredRoom(room)
        together = room.random.sample(sorted(room.states), 2)
        parents = [stored.snapshots[event_id] for event_id in together]
        fork = core.fork(room.version, [parent.state for parent in parents])
        rows = [stored.rows[number] for number in fork.numbers]
        reached = [parent.reach for parent in parents]
        if rows and room.version.state_resolution is not StateResolution.V1:
            assert fork.ranges(reached, rows) is not None
            assert fork.ranges([None, *reached[1:]], rows) is None
            assert fork.ranges(reached, [stored.without_vector(rows[0].number), *rows[1:]]) is None
        before, after = merged(parents[0].state), merged(stored.state_after(together).state)
        for number in {*before.values()} ^ {*after.values()}:
            row, stored.rows[number] = stored.rows[number], stored.without_vector(number)
            stored.state_after(together)
            assert stored.steps[-1] is None
            stored.rows[number] = row


@given(versions, seeds)
def test_a_place_belongs_to_one_event_and_chains_are_linear(version: str, seed: int) -> None:
    stored = StoredRoom(RandomRoom(version, seed).grow(30))
    placed = [event for event in stored.placed.values() if event.chain]
    by_place = {(event.chain, event.position): event.number for event in placed}
    assert len(by_place) == len(placed)
    for event in placed:
        if event.position > 1:
            before = stored.rows[by_place[event.chain, event.position - 1]].event_id
            event_id = stored.rows[event.number].event_id
            assert before in auth_chain.auth_chain([event_id], stored.room.events)


@given(versions, seeds)
def test_vectors_tell_auth_chains(version: str, seed: int) -> None:
    stored = StoredRoom(RandomRoom(version, seed).grow(30))
    for number, event in stored.placed.items():
        event_id = stored.rows[number].event_id
        chain = {stored.numbers[cited] for cited in auth_chain.auth_chain([event_id], stored.room.events)}
        vector = core.unpack_state(event.vector or b"")
        reached = {
            other.number
            for other in stored.placed.values()
            if other.chain and auth_vector.reaches(vector, (other.chain, other.position))
        }
        assert reached == chain | ({number} if event.chain else set())


layers = st.lists(st.dictionaries(st.integers(0, 20), st.integers(0, 3), max_size=8), max_size=3)


@given(layers, st.lists(layers, min_size=1, max_size=4), st.booleans())
def test_layers_are_compared_as_the_states_they_make(
    shared: list[dict[int, int]], own: list[list[dict[int, int]]], packed: bool
) -> None:
    states = [[*shared, *upper] for upper in own]
    expected = {}
    whole = [layered_state.merged(state) for state in states]
    for key in range(21):
        events = tuple(state.get(key, 0) for state in whole)
        if len(set(events)) > 1:
            expected[key] = events
    layered: list[layered_state.Layers] = [
        [core.pack_state(layer) if packed else layer for layer in state] for state in states
    ]
    found = core.fork(ROOM_VERSIONS["11"], layered).differing
    assert found == expected
    assert layered_state.differing(states) == expected
    assert list(found) == sorted(found)
    for state, layers_of in zip(states, layered, strict=True):
        assert core.merged(layers_of) == layered_state.merged(state)
        change = layered_state.changes(states[0], state)
        assert core.changes(layered[0], layers_of) == change
        assert layered_state.merged([*states[0], change]) == layered_state.merged(state)
        assert list(change) == sorted(change)
    for state, merged_state in zip(states, whole, strict=True):
        assert core.values(state, range(10)) == {k: v for k, v in merged_state.items() if k < 10}


def test_recounting_is_not_the_rule() -> None:
    stored = [StoredRoom(RandomRoom("11", seed).grow(40)) for seed in range(20)]
    assert sum(room.recounts for room in stored) <= 0.1 * sum(len(room.placed) for room in stored)


def test_a_vector_that_would_be_too_long_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth_vector, "VECTOR_ENTRIES_MAX", 3)
    room = RandomRoom("11", 5).grow(30)
    stored = StoredRoom(room)
    assert any(event.vector is None for event in stored.placed.values())
    assert any(event.vector is not None for event in stored.placed.values())
    for event_id, state in room.states.items():
        assert stored.text(stored.snapshots[event_id]) == state
    assert chains.reach_after((), [None], []) is None


def test_no_state_wins_for_having_gone_on_from_the_other() -> None:
    """Why a parent that is an ancestor of the others is no shortcut: a clock that goes wrong decides otherwise."""
    room = Room("11").joined(ALICE)
    older = room.accept(room.event(ALICE, "m.room.topic", {"topic": "older"}, state_key=""))
    before = dict(room.state)
    newer = room.event(ALICE, "m.room.topic", {"topic": "newer"}, state_key="")
    newer = room.accept(msgspec.structs.replace(newer, origin_server_ts=older.origin_server_ts - 1))
    events = {event.event_id: with_pdu(event) for event in [*before.values(), newer]}
    states = [{key: event.event_id for key, event in state.items()} for state in (before, room.state)]
    assert core.resolve(room.version, states, events)["m.room.topic", ""] == older.event_id


@pytest.mark.parametrize("by_engine", [True, False])
@pytest.mark.parametrize("version", ["2", "11"])  # 12 starts with no levels at all
def test_the_mainline_goes_through_levels_that_no_event_in_question_cites(
    version: str, by_engine: bool
) -> None:
    room = Room(version).joined(ALICE)
    events = {event.event_id: with_pdu(event) for event in room.state.values()}
    create, join = events

    def add(event_type: str, levels: list[EventID], ts: int) -> EventID:
        event = room.event(ALICE, event_type, {"users": {ALICE: 100}}, state_key="")
        event = msgspec.structs.replace(event, auth_events=(create, join, *levels), origin_server_ts=ts)
        events[event.event_id] = with_pdu(room.accept(event))
        return event.event_id

    levels = [add("m.room.power_levels", [], 1)]
    for ts in range(2, 8):
        levels.append(add("m.room.power_levels", levels[-1:], ts))
    based_on_older = add("m.room.topic", [levels[1]], 101)
    based_on_newer = add("m.room.topic", [levels[2]], 100)
    states = [
        {key: event.event_id for key, event in room.state.items()} | {("m.room.topic", ""): topic}
        for topic in (based_on_older, based_on_newer)
    ]
    with engine_is(by_engine):
        resolved = resolved_by_numbers(room.version, states, events)
    assert resolved == states[1]
    assert core.resolve(room.version, states, events) == states[1]


@pytest.mark.parametrize("by_engine", [True, False])
def test_what_all_states_have_lost_comes_back_from_the_auth_difference(by_engine: bool) -> None:
    """In this room, of version 2, power levels are in no state after some event: two forks later they are again."""
    room = RandomRoom("2", 20807).grow(30)
    with engine_is(by_engine):
        stored = StoredRoom(room)
        returned = 0
        for event_id, state in room.states.items():
            assert stored.text(stored.snapshots[event_id]) == state
            before = [room.states[previous] for previous in room.events[event_id].prev_events]
            returned += bool(before) and LEVELS in state and not any(LEVELS in other for other in before)
    assert returned > 1
