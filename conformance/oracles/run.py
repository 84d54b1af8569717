"""`./dev conformance oracles [--rooms N]`: ruma and gomatrixserverlib on the corpus and on random rooms.

Builds both, asks both, and compares with our own core: resolved states, verdicts of authorization, ids, hashes,
canonical JSON and redaction of PDUs. A difference must be one that `deviations` knows, shown by an imitation of the
oracle that has the same answer. Exit codes: 0 all equal or explained; 1 something is not; 3 an oracle cannot be built.
"""

import argparse
import itertools
import sys
import time
from contextlib import ExitStack

from conformance.oracles import deviations, questions, stories
from conformance.oracles.compare import IMITATIONS, Tally, compare
from conformance.oracles.oracle import BUILDERS, Oracle, Unavailable
from timserver.matrix.room_versions import ROOM_VERSIONS

UNAVAILABLE = 3
SHOWN_MAX = 20


def main(argv: list[str]) -> int:
    """Ask and compare."""
    parser = argparse.ArgumentParser("./dev conformance oracles", description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", type=int, default=10_000, help="random rooms (default: 10000)")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--versions", nargs="*", default=list(ROOM_VERSIONS), choices=list(ROOM_VERSIONS))
    options = parser.parse_args(argv)
    seeds = range(options.first_seed, options.first_seed + options.rooms)
    begin = time.monotonic()
    try:
        programs = {name: build() for name, build in BUILDERS.items()}
    except Unavailable as error:
        print(f"An oracle cannot be built here:\n{error}")
        return UNAVAILABLE
    tally, rooms = Tally(), 0
    with ExitStack() as stack:
        oracles = [stack.enter_context(Oracle(name, program)) for name, program in programs.items()]
        for question in itertools.chain(
            questions.of_corpus(), questions.of_random_rooms(options.versions, seeds)
        ):
            rooms += 1
            ask(tally, oracles, question)
    print(f"{rooms} rooms (of them {options.rooms} random) in {time.monotonic() - begin:.0f} s")
    report(tally)
    return 1 if tally.unexplained or tally.unread else 0


def ask(tally: Tally, oracles: list[Oracle], question: questions.Question) -> None:
    """Ask all about one room."""
    for oracle in oracles:
        answer = oracle.ask(question)
        if isinstance(answer, str):
            tally.unread.append(f"{oracle.name}, {question.name}: {answer}")
            continue
        compare(tally, oracle.name, question, answer)
        if answer.resolve_by_letter:
            compare(tally, deviations.RUMA_BY_LETTER, question, answer)


def report(tally: Tally) -> None:
    """Say what came out."""
    for (oracle, kind), count in sorted(tally.asked.items()):
        print(
            f"{oracle:18} {kind:20} asked {count:7}, not supported {tally.unsupported[oracle, kind]:6}, "
            f"differing {tally.differing[oracle, kind]:6}"
        )
    print("\nExplained (a difference can have several reasons):")
    for oracle, imitation in IMITATIONS.items():
        for name in (*imitation.deviations, "several, each of which would do"):
            print(f"{oracle:18} {name:34} {tally.explained[oracle, name]:6}")
    for cause in stories.CAUSES:
        for oracle in cause.oracles:
            count = sum(tally.by_story[oracle, story] for story in cause.stories)
            print(f"{oracle:18} in the corpus: {cause.does} {count:6}")
    print(f"\nRooms that an oracle cannot read: {len(tally.unread)}")
    for text in tally.unread:
        print(f"  {text}")
    print(f"\nNot explained: {len(tally.unexplained)}")
    for text in tally.unexplained[:SHOWN_MAX]:
        print(f"  {text}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
