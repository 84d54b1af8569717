"""The list of mutants that may survive (`conformance/mutation/survivors.toml`) speaks of the code that there is."""

from conformance.mutation import definition, engine
from conformance.mutation.mutants import Mutant, report, survivors


def text_of(file: str) -> str:
    folder = engine.SOURCE if file in engine.files() else definition.ROOT
    return (folder / file).read_text()


def test_survivors_are_lines_of_the_core() -> None:
    for survivor in survivors():
        assert survivor.file in [*engine.files(), *definition.files()]
        assert survivor.line in [line.strip() for line in text_of(survivor.file).splitlines()], survivor
        assert survivor.changes
        assert survivor.why.strip().endswith(".")


def test_a_survivor_needs_a_reason() -> None:
    known = survivors()[0]
    killed = [Mutant(known.file, "", "", killed=True)] * 9
    explained = Mutant(known.file, known.line, known.changes[0], killed=False)
    other = Mutant(known.file, known.line, "another change", killed=False)
    assert report([*killed, explained])
    assert not report([*killed, other])
    assert not report([*killed[:5], explained])
    assert not report([])
