"""A pytest plugin, `-p conformance.mutation.record`: writes down what the tests ask the engine, and the answers.

It stands in for `timserver.core.engine` before anything has imported it. Each call, and each object with all that it was
asked, is written once into the file that CALLS names, in the order of chance, so that a wrong answer is found soon.
"""

import functools
import importlib.util
import os
import pickle
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, ModuleType
from typing import Any

import pytest

from conformance.mutation import replay

NAME = "timserver.core.engine"
BYTES_MAX = 60_000  # of a call
CALLS_MAX = 6_000  # of a function, by properties
KEPT_MAX = 2_500  # of these, by chance; and all calls of unit tests, where each is there for a reason
ORDER_SEED = 1

_stored: dict[int, tuple[Any, tuple[Any, ...]]] = {}  # by identity: the event, and what it was made of
_objects: list["Recorded"] = []
_calls: dict[bytes, tuple[str, Any]] = {}
_counts: Counter[str] = Counter()
_asked_by_unit_tests: set[bytes] = set()
_test: list[Path] = []
"""The file of the test that runs."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test begins."""
    _test[:] = [item.path]


def wants_more(name: str) -> bool:
    """Is a call of this function still written down?"""
    return is_unit_test() or _counts[name] < CALLS_MAX


def is_unit_test() -> bool:
    """Has somebody thought of what is asked now?"""
    return bool(_test) and _test[0].parent.name == "unit"


def recorded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose calls are written down."""

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if not wants_more(name):
            return function(*arguments, **named)
        asked = pickle.dumps((name, plain([*arguments]), named))  # now: the callee may keep what it is given
        try:
            answer = function(*arguments, **named)
        except Exception as error:
            keep(name, asked, replay.refusal(error))
            raise
        keep(name, asked, replay.comparable(name, answer))
        return answer

    return call


def keep(name: str, asked: bytes, outcome: tuple[str, Any]) -> None:
    """One call, unless it was there or is large."""
    if asked in _calls or len(asked) > BYTES_MAX:
        return
    _calls[asked] = outcome
    if is_unit_test():
        _asked_by_unit_tests.add(asked)
    else:
        _counts[name] += 1


def plain(value: Any) -> Any:
    """The same without types of ours; dicts stay themselves, for the engine may ask whether two are one."""
    if id(value) in _stored:
        return _stored[id(value)][1]
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    if (
        type(value).__module__ == "timserver.core.stored"
    ):  # of which nothing is imported here: it asks for the engine
        return replay.PLACED, value.number, value.key, value.chain, value.position, value.vector
    return value


def read_stored(read: Callable[..., Any], *arguments: Any) -> Any:
    """Remembers what a stored event was made of."""
    made_of = plain([*arguments])
    try:
        stored = read(*arguments)
    except Exception as error:
        keep("read_stored", pickle.dumps(("read_stored", made_of, {})), replay.refusal(error))
        raise
    _stored[id(stored)] = stored, (replay.STORED, *made_of)
    if wants_more("read_stored"):
        asked = pickle.dumps(("read_stored", made_of, {}))
        keep("read_stored", asked, replay.comparable("read_stored", stored))
    return stored


class Recorded:
    """An object of the engine, and what it was asked."""

    def __init__(self, kind: str, make: Callable[..., Any], *arguments: Any) -> None:
        self.kind, self.subject = kind, make(*arguments)
        self.arguments = plain([*arguments])
        self.steps: list[tuple[str, list[Any], tuple[str, Any]]] = []
        self.is_of_unit_test = is_unit_test()
        if wants_more(kind):
            _counts[kind] += 1
            _objects.append(self)

    def __getattr__(self, name: str) -> Any:
        part = getattr(self.subject, name)
        if not callable(part):
            self.steps.append((name, [], replay.comparable(name, part)))
            return part

        def step(*arguments: Any) -> Any:
            asked = plain([*arguments])
            try:
                answer = part(*arguments)
            except Exception as error:
                self.steps.append((name, asked, replay.refusal(error)))
                raise
            self.steps.append((name, asked, replay.comparable(name, answer)))
            return answer

        return step


def pytest_sessionfinish() -> None:
    """All at once."""
    all_calls = {
        pickle.dumps((*pickle.loads(asked), outcome)): asked in _asked_by_unit_tests
        for asked, outcome in _calls.items()
    }
    for subject in _objects:
        call = pickle.dumps((subject.kind, subject.arguments, {}, subject.steps))
        if len(call) <= BYTES_MAX or subject.kind == "Fork":
            all_calls[call] = subject.is_of_unit_test or all_calls.get(call, False)
    of_unit_tests = [pickle.loads(call) for call, is_of_unit_test in all_calls.items() if is_of_unit_test]
    calls = [pickle.loads(call) for call, is_of_unit_test in sorted(all_calls.items()) if not is_of_unit_test]
    random.Random(ORDER_SEED).shuffle(calls)
    calls = [*of_unit_tests, *some_of_each(calls)]
    random.Random(ORDER_SEED).shuffle(calls)
    with Path(os.environ["CALLS"]).open("wb") as file:
        for first in range(0, len(calls), replay.CHUNK):
            pickle.dump(calls[first : first + replay.CHUNK], file)
    print(f"\nrecorded: {dict(_counts)}")


def some_of_each(calls: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Not too many of a function."""
    kept: Counter[str] = Counter()
    for call in calls:
        kept[call[0]] += 1
        if kept[call[0]] <= KEPT_MAX:
            yield call


def _stand_in() -> None:
    (path,) = (Path(__file__).parents[2] / "timserver" / "core").glob("engine*.so")
    real = replay.load(NAME, path)
    recording = ModuleType(NAME)
    recording.__dict__.update(real.__dict__)
    for name, function in real.__dict__.items():
        if isinstance(function, BuiltinFunctionType):
            setattr(recording, name, recorded(name, function))
    recording.__dict__["read_stored"] = functools.partial(read_stored, real.read_stored)
    for kind in replay.OBJECTS:
        recording.__dict__[kind] = functools.partial(Recorded, kind, getattr(real, kind))
    recording.__spec__ = importlib.util.spec_from_file_location(NAME, path)
    sys.modules[NAME] = recording


_stand_in()
