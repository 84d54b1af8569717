"""`./dev conformance partitions [--servers N] [--runs N] [--seed S]`: do servers agree after their network broke?

Exit code 0: in every round nothing was lost and nothing diverged. A round that failed is named by its seed;
`--seed S --runs 1` plays it again.
"""

import argparse
import asyncio
import logging
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from conformance.partitions import agreement
from conformance.partitions.network import Network, network
from conformance.partitions.round import Round, play
from tests.support import postgres
from timserver.cli import logs
from timserver.cli.allocator import give_memory_back
from timserver.config import Logging, LogLevel

WARM_UP = 5
"""Rounds after which memory is measured for the first time."""


class Mistakes(logging.Handler):
    """Counts what the servers log as errors: in a broken network there is none that is not ours."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record.getMessage())


def main(argv: list[str]) -> int:
    """Play the rounds, print figures."""
    parser = argparse.ArgumentParser(
        "./dev conformance partitions", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--duration", type=float, default=3.0, help="seconds of bad weather in a round")
    parser.add_argument("--pause", type=float, default=0.15, help="mean seconds between two acts of a person")
    parser.add_argument("--log", type=Path, help="what the servers log")
    give_memory_back()
    return asyncio.run(_main(parser.parse_args(argv)))


async def _main(options: argparse.Namespace) -> int:
    postgres.begin_run()
    try:
        mistakes = _configure_log(options.log)
        database = postgres.Postgres()
        await database.start()
        urls = [await database.create(f"timserver_partition_{place}") for place in range(options.servers)]
        with tempfile.TemporaryDirectory() as folder:
            async with network(urls, Path(folder), Random(options.seed)) as net:
                return await _play_all(net, options, mistakes)
    finally:
        postgres.end_run()


def _configure_log(path: Path | None) -> Mistakes:
    logs.configure(Logging(level=LogLevel.INFO))
    mistakes = Mistakes()
    root = logging.getLogger()
    (stream,) = root.handlers
    root.handlers = [mistakes]
    if path is not None:
        output = logging.FileHandler(path)
        output.setFormatter(stream.formatter)
        root.addHandler(output)
    return mistakes


async def _play_all(net: Network, options: argparse.Namespace, mistakes: Mistakes) -> int:
    rounds: list[Round] = []
    memory_mib: list[float] = []
    unplayed = 0
    for seed in range(options.seed, options.seed + options.runs):
        began_s = time.monotonic()
        try:
            done = await play(net, seed, options.duration, options.pause)
        except AssertionError as error:
            unplayed += 1
            print(f"FAIL seed {seed}: {error}", flush=True)
            continue
        rounds.append(done)
        memory_mib.append(_memory_mib())
        print(
            f"{'ok  ' if done.is_good else 'FAIL'} seed {seed} {done.kind} version {done.room_version}:"
            f" {agreement.summary(done.views)}, healed in {done.healing_s:.1f} s,"
            f" {time.monotonic() - began_s:.1f} s in all, {memory_mib[-1]:.0f} MiB",
            flush=True,
        )
        for text in (*done.wrong, *(f"lost: {event_id}" for event_id in done.lost)):
            print(f"     {text}", flush=True)
    if rounds:
        _print_figures(rounds, memory_mib, mistakes)
    good = all(done.is_good for done in rounds) and not unplayed and not mistakes.seen
    return 0 if good else 1


def _print_figures(rounds: list[Round], memory_mib: list[float], mistakes: Mistakes) -> None:
    healing = [done.healing_s for done in rounds]
    warm = memory_mib[min(WARM_UP, len(memory_mib)) - 1]
    events = sum(len(done.views[0].events) for done in rounds)
    print(
        f"\nrounds {len(rounds)}, healing p50 {statistics.median(healing):.1f} s, max {max(healing):.1f} s\n"
        f"events {events}, lost {sum(len(done.lost) for done in rounds)},"
        f" rounds that diverged {sum(bool(done.wrong) for done in rounds)}, errors logged {len(mistakes.seen)}\n"
        f"memory {warm:.0f} MiB after {min(WARM_UP, len(memory_mib))} rounds, {memory_mib[-1]:.0f} MiB at the end"
    )
    answers = sum((done.answers for done in rounds), Counter[str]())
    print("answers: " + ", ".join(f"{name} {count}" for name, count in sorted(answers.items())))
    for text in mistakes.seen[:5]:
        print(f"  {text[:2000]}")


def _memory_mib() -> float:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
