"""What fuzzing has found worth keeping (`conformance/fuzz/corpus`), through every target of its form."""

import re
from pathlib import Path

import pytest

from conformance.fuzz import corpus, targets
from timserver.core import resolution, sealing
from timserver.matrix.room_versions import ROOM_VERSIONS

RUST = Path(corpus.__file__).parent / "rust"


@pytest.mark.parametrize(("name", "form"), targets.CORPORA.items())
def test_kept_inputs(name: str, form: str) -> None:
    kept = corpus.load(form)
    assert kept
    for data in kept:
        targets.TARGETS[name](data)


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for path in corpus.CORPUS.iterdir()) < 400_000
    assert {path.stem for path in corpus.CORPUS.iterdir()} == set(corpus.FORMS)


def test_rust_targets_know_the_room_versions() -> None:
    versions = ROOM_VERSIONS.values()
    room = (RUST / "src" / "room.rs").read_text()
    bits = re.findall(r"0b([01_]+),", room)
    assert [int(text.replace("_", ""), 2) for text in bits] == [
        resolution.rules(version) for version in versions
    ]
    opening = re.search(
        r"RULES: \[u8; 12\] = \[([0-9, ]+)\]", (RUST / "fuzz_targets/open_event.rs").read_text()
    )
    assert opening
    assert [int(text) for text in opening[1].split(",")] == [sealing.rules(version) for version in versions]
