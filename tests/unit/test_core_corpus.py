"""The corpus of stories (`tests/corpus`), told to the definition and to the engine."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

import pytest
from _pytest.mark import ParameterSet

from tests.support import corpus
from tests.support.corpus import ALLOWED, Authorization, AuthorizationCase, Resolution, ResolutionCase
from tests.support.rule_numbers import name_of
from tests.support.stored_rooms import resolved_by_numbers
from timserver import core
from timserver.core import choice, engine, resolution
from timserver.core.definition import state_resolution
from timserver.matrix.event import Event, StateKey

NOT_ASKED = "not asked"


Case = TypeVar("Case", Resolution, Authorization)


def told(cases: Iterable[Case]) -> list[ParameterSet]:
    """One test for each story, in all its room versions."""
    stories = itertools.groupby(cases, lambda case: case.story)
    return [pytest.param(list(versions), id=story) for story, versions in stories]


@pytest.mark.parametrize("cases", told(corpus.resolutions()))
def test_state_resolution(cases: list[Resolution]) -> None:
    for case in cases:
        by_definition = state_resolution.resolve(case.version, case.states, case.events)
        assert by_definition == case.resolved, case.version.identifier
        assert core.resolve(case.version, case.states, case.events) == case.resolved
        backwards = dict(reversed([*case.events.items()]))
        assert core.resolve(case.version, case.states[::-1], backwards) == case.resolved


@pytest.mark.parametrize("has_engine", [True, False])
@pytest.mark.parametrize("cases", told(corpus.resolutions()))
def test_resolution_of_stored_states(
    cases: list[Resolution], has_engine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "HAS_ENGINE", has_engine)
    for case in cases:
        if not any(case.events[event_id].rejected for state in case.states for event_id in state.values()):
            resolved = resolved_by_numbers(case.version, case.states, case.events)
            assert resolved == case.resolved, case.version.identifier


@pytest.mark.parametrize("cases", told(corpus.authorizations()))
def test_authorization(cases: list[Authorization]) -> None:
    for case in cases:
        assert verdict(case) == case.verdict, case.version.identifier


def verdict(case: Authorization) -> str:
    """As of an event that was received: by rule 3, by what it cites, by the state before it."""
    if case.cited is not None:
        create = {corpus.CREATE: case.state[corpus.CREATE]}
        name = name_of(core.check_auth_events(case.version, case.event, case.cited))
        if name is not None:
            return name
        cited = verdict_by(case, {**create, **{event.key: event for event in case.cited}})
        if cited != ALLOWED:
            return cited
    return verdict_by(case, case.state)


def verdict_by(case: Authorization, state: Mapping[StateKey, Event]) -> str:
    by_definition = name_of(core.check_auth(case.version, case.event, state)) or ALLOWED
    assert verdict_of_engine(case, state) in (by_definition, NOT_ASKED)
    return by_definition


def verdict_of_engine(case: Authorization, state: Mapping[StateKey, Event]) -> str:
    """The engine is not asked about create events and other rooms, and leaves odd numbers to the definition."""
    create = state.get(corpus.CREATE)
    if case.event.type == "m.room.create" or create is None or create.room_id != case.event.room_id:
        return NOT_ASKED
    raw: list[resolution.RawEvent] = []
    for event in [*state.values(), case.event]:
        only_prev = event.prev_events[0] if len(event.prev_events) == 1 else None
        raw.append((event.event_id, event.pdu, only_prev, [], event.rejected))
    number_of_create = list(state).index(corpus.CREATE)
    try:
        name = engine.check_auth(resolution.rules(case.version), raw, number_of_create, [*range(len(state))])
    except ValueError:
        assert not case.version.strict_canonical_json
        return NOT_ASKED
    return name or ALLOWED


def test_the_corpus_is_large_and_told_in_stories() -> None:
    cases: list[ResolutionCase | AuthorizationCase] = [case for _, case in corpus.resolution_cases()]
    cases += [case for _, case in corpus.authorization_cases()]
    assert not [name for name, count in Counter(case.name for case in cases).items() if count > 1]
    origins = Counter(case.origin for case in cases)
    assert origins["known"] >= 200
    assert origins["new"] >= 60
    for case in cases:
        assert case.story.endswith(".")
