"""The table of the oracles' deviations (`conformance/oracles`) and the code that imitates them belong together."""

import pytest

from conformance.oracles import deviations, questions, stories
from conformance.oracles.compare import IMITATIONS
from tests.support import corpus
from tests.support.random_rooms import RandomRoom
from timserver import core


def test_every_deviation_is_imitated_and_every_imitation_is_explained() -> None:
    named = {(deviation.oracle, deviation.name) for deviation in deviations.TABLE}
    imitated = {(oracle, name) for oracle, kind in IMITATIONS.items() for name in kind.deviations}
    inherited = {(deviations.RUMA_BY_LETTER, name) for name in IMITATIONS[deviations.RUMA].deviations}
    assert named == imitated - inherited
    for deviation in deviations.TABLE:
        assert deviation.reason or deviation.right == "we", deviation.name


def test_stories_that_differ_are_in_the_corpus() -> None:
    told = {case.name for _, case in corpus.resolution_cases()}
    told |= {case.name for _, case in corpus.authorization_cases()}
    assert {story for _, story in stories.EXPECTED} <= told


@pytest.mark.parametrize("oracle", IMITATIONS)
@pytest.mark.parametrize("version", ["1", "6", "10", "11"])
def test_without_its_deviations_an_imitation_is_the_definition(oracle: str, version: str) -> None:
    imitation = IMITATIONS[oracle](without=IMITATIONS[oracle].deviations)
    for seed in range(5):
        room = RandomRoom(version, seed).grow(30)
        states = [room.states[event_id] for event_id in room.random.sample(sorted(room.states), 3)]
        expected = core.resolve(room.version, states, room.events)
        assert imitation.resolve(room.version, states, room.events) == set(expected.values())


@pytest.mark.parametrize("version", ["2", "12"])
def test_a_question_survives_its_way(version: str) -> None:
    """Ids that no oracle could read are replaced on the wire, and put back in the answer."""
    (question,) = questions.of_random_rooms([version], range(1))
    line = questions.encode(question)
    assert line.endswith(b"}\n")
    assert b'"origin_server_ts": -' not in line
    named = questions.decode_ids(question, list(question.events))
    assert named == set(question.events)
