"""./dev bench core: resolution against ruma-state-res and Synapse, sends, signatures, in one run.

./dev bench core                 everything, with Synapse and ruma (some minutes)
./dev bench core --quick         rooms of up to 2,000 members, fewer repeats
./dev bench core --without synapse
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from conformance.bench.command import STATE
from conformance.bench.core import others, rooms, sending, verification
from conformance.bench.core.ours import StoredFork
from conformance.bench.core.rooms import Fork

VERSIONS = ("11", "12")
MEMBERS = (200, 2_000, 20_000)
DIFFERENCES = (2, 20, 200, 2_000)
SEND_US_MAX = 100
SYNAPSE_RATIO_MIN = 50
RUMA_FROM_MEMBERS = 2_000


class Bars:
    """What has to be reached, and was not."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def want(self, reached: bool, what: str) -> None:
        """One bar."""
        if not reached:
            self.missed.append(what)


def resolution(console: Console, options: argparse.Namespace, bars: Bars) -> None:
    """Forks against ruma and Synapse, and their cost by room and difference.

    The bars compare what is given the same: rooms in memory, events parsed. What a fork costs when nothing is in memory
    stands beside it.
    """
    without = options.without or []
    ruma = others.ruma() if "ruma" not in without else None
    synapse = others.synapse(STATE) if "synapse" not in without else None
    against = Table(
        "fork",
        "version",
        "timserver",
        "PDUs read anew",
        "ruma: chains + resolve",
        "ratio",
        "Synapse (+ walk)",
        "ratio",
    )
    growth = Table("members", "version", *(f"{number:,} differ" for number in DIFFERENCES))
    members = [number for number in MEMBERS if number <= options.members_max]
    for version in VERSIONS:
        for fork in rooms.ruma_shapes(version):
            against.add_row(*_compared(fork, ruma, synapse, bars, members=0))
        for number in members:
            cells = []
            for difference in DIFFERENCES:
                if difference > number:
                    cells.append("")
                    continue
                fork = rooms.synthetic(version, number, difference)
                row = _compared(fork, ruma, synapse, bars, members=number)
                against.add_row(*row)
                cells.append(row[2])
            growth.add_row(f"{number:,}", version, *cells)
    console.print(against)
    console.print(growth)


def _compared(
    fork: Fork,
    ruma: list[str | Path] | None,
    synapse: list[str | Path] | None,
    bars: Bars,
    *,
    members: int,
) -> list[str]:
    stored = StoredFork(fork)
    state, repeats = stored.outcome(), _repeats(fork.difference)
    bars.want(stored.outcome(cold=True) == state, f"{fork.name} ({fork.version}): another outcome when cold")
    before_ns, cold_ns = stored.measure(repeats), stored.measure(repeats, cold=True)
    by_ruma = others.by_ruma(ruma, fork, 20) if ruma else None
    by_synapse = others.by_synapse(synapse, fork, 5 if members > 2_000 else 25) if synapse else None
    # before the others and after them: the processor's clock goes now faster, now slower
    own_ns = (before_ns + stored.measure(repeats)) / 2
    row = [fork.name, fork.version, _us(own_ns), _us(cold_ns)]
    if found := by_ruma:
        ratio = (found.resolve_ns + found.brought_ns) / own_ns
        bars.want(found.state == state, f"{fork.name} ({fork.version}): another outcome than ruma's")
        if members >= RUMA_FROM_MEMBERS:
            bars.want(ratio > 1, f"{fork.name} ({fork.version}): slower than ruma")
        row += [f"{_us(found.brought_ns)} + {_us(found.resolve_ns)}", f"{ratio:.1f}"]
    else:
        row += ["", ""]
    if found := by_synapse:
        ratio = found.resolve_ns / own_ns
        bars.want(found.state == state, f"{fork.name} ({fork.version}): another outcome than Synapse's")
        if members:
            bars.want(ratio >= SYNAPSE_RATIO_MIN, f"{fork.name} ({fork.version}): less than 50 x Synapse")
        row += [f"{_us(found.resolve_ns)} (+ {_us(found.brought_ns)})", f"{ratio:.0f}"]
    return row


def sends(console: Console, bars: Bars) -> None:
    """A send into a linear room."""
    table = Table("send: users listed", "version", "select", "seal", "authorize", "sum")
    for version in VERSIONS:
        for listed in (5, 500):
            parts = sending.measure(version, listed, 2_000)
            total = sum(parts.values())
            bars.want(total <= SEND_US_MAX * 1_000, f"send ({version}, {listed} listed): {_us(total)}")
            table.add_row(f"{listed:,}", version, *(_us(found) for found in parts.values()), _us(total))
    console.print(table)


def signatures(console: Console, count: int) -> None:
    """Opening and verification."""
    found = verification.measure("11", count)
    table = Table(f"{count:,} events", "seconds", "µs each")
    for name, seconds in found.items():
        table.add_row(name, f"{seconds:.3f}", f"{seconds / count * 1e6:.1f}")
    console.print(table)


def _repeats(difference: int) -> int:
    return 5 if difference > 500 else 21 if difference > 50 else 201


def _us(nanoseconds: float) -> str:
    return f"{nanoseconds / 1_000:,.0f} µs"


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 1 when a bar was missed."""
    options = argparse.ArgumentParser(prog="dev bench core", description=__doc__)
    options.add_argument("--quick", action="store_true", help="rooms of up to 2,000 members, 2,000 events")
    options.add_argument(
        "--without", action="append", choices=("ruma", "synapse"), help="not against this one"
    )
    given = options.parse_args(argv)
    given.members_max = 2_000 if given.quick else MEMBERS[-1]
    STATE.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else 160)
    bars = Bars()
    sends(console, bars)
    signatures(console, 2_000 if given.quick else 10_000)
    resolution(console, given, bars)
    for missed in bars.missed:
        console.print(f"missed: {missed}")
    return int(bool(bars.missed))


if __name__ == "__main__":
    raise SystemExit(main())
