"""Auth vectors say the same as walking the auth chains."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.random_rooms import RandomRoom
from timserver import core
from timserver.core.definition import auth_chain, auth_vector
from timserver.core.definition.auth_vector import Placed
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import ROOM_VERSIONS

rooms = st.builds(
    lambda version, seed: RandomRoom(version, seed).grow(30),
    st.sampled_from(sorted(ROOM_VERSIONS)),
    st.integers(0, 2**32),
)


def placed(room: RandomRoom) -> dict[EventID, Placed]:
    """All state events of the room on their chains."""
    places: dict[EventID, Placed] = {}
    ends: dict[int, int] = {}
    for event in room.events.values():
        if event.is_state:
            cited = [places[event_id] for event_id in event.auth_events]
            places[event.event_id] = auth_vector.place(event.key, cited, ends, len(ends) + 1)
            chain, position = places[event.event_id].place
            ends[chain] = position
    return places


@given(rooms)
def test_a_place_belongs_to_one_event_and_chains_are_linear(room: RandomRoom) -> None:
    places = placed(room)
    by_place = {found.place: event_id for event_id, found in places.items()}
    assert len(by_place) == len(places)
    for event_id, found in places.items():
        chain, position = found.place
        if position > 1:
            assert by_place[chain, position - 1] in auth_chain.auth_chain([event_id], room.events)


@given(rooms)
def test_reach_is_the_auth_chain(room: RandomRoom) -> None:
    places = placed(room)
    for event_id, found in places.items():
        chain = auth_chain.auth_chain([event_id], room.events) | {event_id}
        reached = {other for other, at in places.items() if auth_vector.reaches(found.vector, at.place)}
        assert reached == chain


@given(rooms, st.integers(1, 4))
def test_difference_is_the_auth_difference(room: RandomRoom, count: int) -> None:
    places = placed(room)
    states = [room.states[event_id] for event_id in room.random.sample(sorted(room.states), count)]
    reached = [auth_vector.join(places[event_id].vector for event_id in state.values()) for state in states]
    ranges = auth_vector.difference(reached)
    found = {
        event_id
        for event_id, at in places.items()
        if any(part.chain == at.place[0] and part.after < at.place[1] <= part.upto for part in ranges)
    }
    assert found == auth_chain.auth_difference([state.values() for state in states], room.events)


@given(rooms, st.integers(2, 4))
def test_subgraph_is_the_conflicted_subgraph(room: RandomRoom, count: int) -> None:
    places = placed(room)
    states = [room.states[event_id] for event_id in room.random.sample(sorted(room.states), count)]
    _, conflicted = core.separate(states)
    between = auth_vector.subgraph([places[event_id] for event_id in conflicted], places.values())
    expected = auth_chain.conflicted_subgraph(conflicted, room.events)
    assert {event_id for event_id, at in places.items() if at.place in between} == expected


@given(rooms)
def test_vectors_are_packed_as_states_are(room: RandomRoom) -> None:
    for found in placed(room).values():
        assert core.unpack_state(core.pack_state(dict(found.vector))) == found.vector
