"""Steps of a fork at their edges, by the engine and by the definition."""

import pytest

from timserver import core
from timserver.core import chains, choice
from timserver.core.stored import Placed, Stored
from timserver.matrix import canonical_json
from timserver.matrix.ids import EventID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.room_versions import ROOM_VERSIONS

BOB = "@bob:b.example"
TOPIC, OTHER = 7, 8  # keys


@pytest.fixture(params=["engine", "definition"], autouse=True)
def text(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "HAS_ENGINE", request.param == "engine")


def vector(*places: tuple[int, int]) -> bytes:
    """Chains with the positions that are reached on them."""
    return core.pack_state(dict(places))


def stored(
    number: int, key: int, *, place: tuple[int, int] = (0, 0), reaches: bytes = b"", **fields: JsonValue
) -> Stored:
    """A topic, or what the fields say."""
    event: JsonObject = {"content": {}, "origin_server_ts": 1, "sender": "@alice:a.example", "state_key": ""}
    pdu = canonical_json.encode({**event, "type": "m.room.topic", **fields}, strict=True)
    return core.read_stored(Placed(number, key, *place, reaches), EventID(f"${number}"), pdu, (), ())


def test_the_auth_difference_has_its_upper_end_and_not_its_lower_one() -> None:
    fork = core.fork(ROOM_VERSIONS["11"], [[core.pack_state({TOPIC: 1})], [core.pack_state({TOPIC: 2})]])
    lower, upper = vector((5, 2)), vector((5, 4))
    reached = [[core.pack_state(chains.reach([of_state]) or {})] for of_state in (lower, upper)]
    differing = [stored(1, TOPIC, reaches=lower), stored(2, TOPIC, reaches=upper)]
    assert fork.ranges(reached, differing) == [(5, 2, 4)]
    found = [Placed(10 + position, OTHER, 5, position, vector((5, position))) for position in range(1, 7)]
    found.append(Placed(20, OTHER, 6, 3, vector((6, 3))))
    assert sorted(fork.full_set(found)) == [13, 14]


def test_who_changed_his_own_membership_is_asked_for_unless_it_differs() -> None:
    fork = core.fork(ROOM_VERSIONS["11"], [[core.pack_state({TOPIC: 1})], [core.pack_state({TOPIC: 2})]])
    fork.ranges([None, None], [stored(1, TOPIC), stored(2, TOPIC)])
    join = stored(3, OTHER, type="m.room.member", sender=BOB, state_key=BOB, content={"membership": "join"})
    alice = ("m.room.member", "@alice:a.example")
    fixed = {("m.room.create", ""), ("m.room.power_levels", "")}
    assert fork.asked_keys([join]) == {*fixed, alice, ("m.room.member", BOB), ("m.room.join_rules", "")}
    of_bob = core.fork(ROOM_VERSIONS["11"], [[core.pack_state({OTHER: 3})], [core.pack_state({})]])
    of_bob.ranges([None, None], [join])
    assert of_bob.asked_keys([]) == {*fixed, ("m.room.join_rules", "")}


def test_whose_membership_is_changed_is_asked_for() -> None:
    fork = core.fork(ROOM_VERSIONS["11"], [[core.pack_state({TOPIC: 1})], [core.pack_state({TOPIC: 2})]])
    fork.ranges([None, None], [stored(1, TOPIC), stored(2, TOPIC)])
    kick = stored(3, OTHER, type="m.room.member", state_key=BOB, content={"membership": "leave"})
    assert ("m.room.member", BOB) in fork.asked_keys([kick])


def test_between_conflicted_events_stands_what_is_above_all_that_are_reached() -> None:
    """Of four events the third reaches the first two, which reach the fourth chain up to 2 and up to 1."""
    places = [(1, 5), (2, 1), (3, 1), (5, 1)]
    vectors = [
        vector((1, 5), (4, 2)),
        vector((2, 1), (4, 1)),
        vector((1, 5), (2, 1), (3, 1), (4, 2)),
        vector((5, 1)),
    ]
    states = [{10 + number: 1 + number} for number in range(4)]
    fork = core.fork(ROOM_VERSIONS["12"], [[core.pack_state(state)] for state in states])
    events = [
        stored(1 + number, 10 + number, reaches=of_event, place=place)
        for number, (of_event, place) in enumerate(zip(vectors, places, strict=True))
    ]
    reach = [core.pack_state(chains.reach(vectors) or {})]
    assert fork.ranges([reach] * 4, events) == [(4, 1, 2)]
