"""What must hold for the resolution of any room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.random_rooms import RandomRoom
from timserver import core
from timserver.core.definition import state_resolution
from timserver.matrix.room_versions import ROOM_VERSIONS

seeds = st.integers(0, 2**32)
versions = st.sampled_from(sorted(ROOM_VERSIONS))


@given(versions, seeds, st.integers(2, 4))
def test_order_and_repetition_do_not_matter(version: str, seed: int, count: int) -> None:
    room = RandomRoom(version, seed).grow(25)
    states = [room.states[event_id] for event_id in room.random.sample(sorted(room.states), count)]
    resolved = core.resolve(room.version, states, room.events)
    room.random.shuffle(states)
    assert core.resolve(room.version, [*states, states[0]], room.events) == resolved
    backwards = dict(reversed(room.events.items()))
    assert core.resolve(room.version, states, backwards) == resolved


@given(versions, seeds, st.integers(2, 4))
def test_the_engine_does_what_the_definition_says(version: str, seed: int, count: int) -> None:
    room = RandomRoom(version, seed).grow(30)
    states = [room.states[event_id] for event_id in room.random.sample(sorted(room.states), count)]
    by_definition = state_resolution.resolve(room.version, states, room.events)
    assert core.resolve(room.version, states, room.events) == by_definition


@given(versions, seeds)
def test_one_state_resolves_to_itself(version: str, seed: int) -> None:
    room = RandomRoom(version, seed).grow(15)
    for state in room.states.values():
        assert core.resolve(room.version, [state], room.events) == state
        assert core.resolve(room.version, [state, state], room.events) == state


@given(versions, seeds, st.integers(2, 4))
def test_what_is_resolved_was_in_a_state_or_its_auth_chain(version: str, seed: int, count: int) -> None:
    room = RandomRoom(version, seed).grow(25)
    states = [room.states[event_id] for event_id in room.random.sample(sorted(room.states), count)]
    resolved = core.resolve(room.version, states, room.events)
    unconflicted, _ = core.separate(states)
    assert resolved.items() >= unconflicted.items()
    for key, event_id in resolved.items():
        event = room.events[event_id]
        assert event.key == key
        assert not event.rejected


@pytest.mark.parametrize("version", sorted(ROOM_VERSIONS))
def test_the_generator_makes_forks_and_rejections(version: str) -> None:
    rooms = [RandomRoom(version, seed).grow(40) for seed in range(5)]
    events = [event for room in rooms for event in room.events.values()]
    assert any(event.rejected for event in events)
    assert any(len(event.prev_events) > 1 for event in events)
    conflicts = 0
    for room in rooms:
        for event in room.events.values():
            states = [room.states[event_id] for event_id in event.prev_events]
            conflicts += bool(states and core.separate(states)[1])
    assert conflicts > 5
