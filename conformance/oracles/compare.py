"""Our answers beside an oracle's: equal, explained by deviations that are known, or not explained."""

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from conformance.oracles import deviations, ours, stories
from conformance.oracles.imitation_gomatrixserverlib import Gomatrixserverlib
from conformance.oracles.imitations import Imitation, Ruma, RumaByLetter
from conformance.oracles.oracle import Answer, Result
from conformance.oracles.questions import Question, decode_ids

IMITATIONS: dict[str, type[Imitation]] = {
    deviations.RUMA: Ruma,
    deviations.RUMA_BY_LETTER: RumaByLetter,
    deviations.GOMATRIXSERVERLIB: Gomatrixserverlib,
}


class Tally(msgspec.Struct):
    """What came out, per oracle and kind of question."""

    asked: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    unsupported: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    differing: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    explained: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)  # by oracle and deviation
    by_story: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    unread: list[str] = []
    unexplained: list[str] = []


def compare(tally: Tally, oracle: str, question: Question, answer: Answer) -> None:
    """Compare everything that was asked about a room."""
    for kind, result, own, imitated in _entries(oracle, question, answer):
        at = oracle, kind
        tally.asked[at] += 1
        if kind.startswith("resolve") and _not_supported(oracle, question):
            tally.unsupported[at] += 1
            continue
        theirs = _plain(question, kind, result)
        if theirs == own:
            continue
        tally.differing[at] += 1
        reasons = _reasons(oracle, theirs, imitated)
        tally.explained.update((oracle, reason) for reason in reasons)
        story = question.name.partition(" v")[0]
        if not reasons and (oracle, story) in stories.EXPECTED:
            tally.by_story[oracle, story] += 1
        elif not reasons:
            tally.unexplained.append(f"{oracle}, {question.name}, {kind}: {_differing(theirs, own)}")


def _differing(theirs: object, own: object) -> str:
    if isinstance(theirs, set) and isinstance(own, set):
        return f"only theirs {theirs - own}, only ours {own - theirs}"
    return f"{theirs}, ours {own}"


def _not_supported(oracle: str, question: Question) -> bool:
    return (oracle, question.version.state_resolution) in deviations.NOT_SUPPORTED


Imitated = Callable[[Imitation], object]


def _entries(
    oracle: str, question: Question, answer: Answer
) -> Iterator[tuple[str, Result, object, Imitated]]:
    """Kind, the oracle's result, ours, and how to get an imitation's."""
    by_letter = oracle == deviations.RUMA_BY_LETTER
    resolved = answer.resolve_by_letter if by_letter else answer.resolve
    for states, result in zip(question.resolve, resolved, strict=True):
        yield "resolve", result, ours.resolve(question, list(states)), _resolving(question, states)
    if by_letter:
        return
    for (event_id, state), result in zip(question.auth, answer.auth, strict=True):
        judge = _judging(question, event_id, state)
        yield "auth", result, judge(Imitation()), judge
    for data, result in zip(question.pdus, answer.pdus, strict=True):
        facts = ours.read_pdu(question.version, data)
        for field, value in msgspec.structs.asdict(facts).items() if facts else ():
            if not result.is_ok or (isinstance(result.value, dict) and field in result.value):
                yield f"pdu.{field}", result, value, _reading(question, data, field)


def _resolving(question: Question, states) -> Imitated:  # type: ignore[no-untyped-def]
    return lambda imitation: imitation.resolve(question.version, states, question.events)


def _judging(question: Question, event_id, state) -> Imitated:  # type: ignore[no-untyped-def]
    event, events = question.events[event_id], ours.auth_state(question, state)
    return lambda imitation: imitation.authorize(question.version, event, events) is None


def _reading(question: Question, data: bytes, field: str) -> Imitated:
    return lambda imitation: getattr(ours.pdu_facts(question.version, data, imitation), field)


def _plain(question: Question, kind: str, result: Result) -> object:
    """The oracle's result in our form."""
    if kind == "auth":
        return result.is_ok
    if not result.is_ok:
        return f"refused: {result.reason}"
    if kind == "resolve":
        assert isinstance(result.value, list)
        return decode_ids(question, result.value)
    assert isinstance(result.value, dict)
    return result.value[kind.partition(".")[2]]


def _reasons(oracle: str, theirs: object, imitated: Imitated) -> list[str]:
    """The deviations without which the oracle's answer would be another; none when even all do not give it."""
    make = IMITATIONS[oracle]
    if imitated(make()) != theirs:
        return []
    needed = [name for name in make.deviations if imitated(make(without=[name])) != theirs]
    return needed or ["several, each of which would do"]
