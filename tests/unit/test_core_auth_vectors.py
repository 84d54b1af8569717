"""Auth vectors and the reach of states, in small."""

import pytest

from timserver.core.definition import auth_vector
from timserver.core.definition.auth_vector import Placed, top


def test_only_tops_that_change_are_told() -> None:
    before = {1: top(3, 1), 2: top(5, 2)}
    assert auth_vector.reach_after(before, [{1: 3, 2: 5}], [{1: 3, 2: 5}]) == {}
    assert auth_vector.reach_after(before, [{2: 5}], []) == {2: top(5, 1)}
    assert auth_vector.reach_after(before, [], [{1: 3, 2: 4, 3: 1}]) == {1: top(3, 2), 3: top(1, 1)}
    assert auth_vector.reach_after(before, [{1: 3}], [{1: 4}]) == {1: top(4, 1)}
    assert auth_vector.reach_after({1: top(1, 1)}, [{1: 1}], []) == {1: 0}
    assert auth_vector.reach_after(before, [{1: 3}], []) is None


@pytest.mark.parametrize(
    ("vector", "lowest", "reaches"),
    [
        ({1: 3}, {1: 3}, True),
        ({1: 2}, {1: 3}, False),
        ({2: 9}, {1: 3}, False),
        ({1: 1, 2: 4}, {1: 3, 2: 2}, True),
    ],
)
def test_reaching_one_of_some(vector: dict[int, int], lowest: dict[int, int], reaches: bool) -> None:
    assert auth_vector.reaches_any(vector, lowest) is reaches


def test_the_lowest_place_on_each_chain() -> None:
    places = [(1, 4), (1, 2), (2, 7), (1, 3), None]
    placed = [Placed(place, {}) for place in places]
    assert auth_vector.lowest_places(placed) == {1: 2, 2: 7}


def test_events_between_others_stand_above_all_that_those_reach_which_are_reached() -> None:
    reached = Placed((1, 1), {1: 1, 3: 4, 4: 2})
    upper = Placed((2, 5), {1: 1, 2: 5, 3: 9, 4: 2})
    beside = Placed((5, 1), {5: 1})
    assert auth_vector.between([reached, upper, beside]) == [(2, 0, 5), (3, 4, 9)]
    assert auth_vector.between([reached, beside]) == []


def test_states_that_reach_as_far_do_not_differ() -> None:
    assert auth_vector.difference([{1: 2, 2: 3}, {1: 2, 3: 1}]) == [(2, 0, 3), (3, 0, 1)]
