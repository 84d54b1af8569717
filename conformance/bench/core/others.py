"""ruma-state-res and Synapse, each a program that reads a fork per line and writes what came of it."""

import subprocess
from pathlib import Path
from statistics import median

import msgspec
import orjson

from conformance.bench.core.rooms import Fork
from conformance.bench.server import installed

HERE = Path(__file__).parent


class Outcome(msgspec.Struct, frozen=True):
    """Nanoseconds of the resolution, of what its caller has to bring (not part of the first), and the state."""

    resolve_ns: float
    brought_ns: float
    state: frozenset[str]


class _RumaLine(msgspec.Struct):
    chains_ns: list[int]
    resolve_ns: list[int]
    state: frozenset[str]


class _SynapseLine(msgspec.Struct):
    total_ns: list[int]
    walk_ns: list[int]
    state: frozenset[str]


def ruma() -> list[str | Path]:
    """The program, compiled when needed."""
    crate = HERE / "ruma"
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=crate, check=True)
    return [crate / "target" / "release" / "bench-ruma"]


def synapse(state: Path) -> list[str | Path]:
    """The program in Synapse's own environment, made when needed."""
    return [
        installed(state / "synapse", "matrix-synapse", "psycopg2-binary") / "python",
        HERE / "synapse_side.py",
    ]


def by_ruma(program: list[str | Path], fork: Fork, repeats: int) -> Outcome:
    """What ruma-state-res makes of it."""
    line = msgspec.json.decode(_ask(program, fork, repeats), type=_RumaLine)
    return Outcome(median(line.resolve_ns), median(line.chains_ns), line.state)


def by_synapse(program: list[str | Path], fork: Fork, repeats: int) -> Outcome:
    """What Synapse makes of it."""
    line = msgspec.json.decode(_ask(program, fork, repeats), type=_SynapseLine)
    walk_ns = median(line.walk_ns)
    return Outcome(median(line.total_ns) - walk_ns, walk_ns, line.state)


def _ask(program: list[str | Path], fork: Fork, repeats: int) -> bytes:
    question = {
        "version": fork.version,
        "repeats": repeats,
        "events": [
            {"event_id": event.event_id, "pdu": orjson.Fragment(event.pdu)} for event in fork.events.values()
        ],
        "states": [list(state.values()) for state in fork.states],
    }
    done = subprocess.run(program, input=orjson.dumps(question) + b"\n", capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])
    return done.stdout
