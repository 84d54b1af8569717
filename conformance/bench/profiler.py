"""Where the server's time goes: py-spy on its process while a scenario is measured."""

import signal
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.bench.server import Server, installed


class Profiler:
    """Keeps the stacks of the last record; py-spy is installed into an environment of its own on first use."""

    def __init__(self, state: Path) -> None:
        self._environment = state / "py-spy"
        self._output = state / "stacks"

    @contextmanager
    def recording(self, server: Server) -> Iterator[None]:
        """Sample the server and its children; print the top functions at the end."""
        program = installed(self._environment, "py-spy") / "py-spy"
        options = ["--subprocesses", "--format", "raw", "--rate", "200", "--output", str(self._output)]
        recorder = subprocess.Popen(
            [program, "record", "--pid", str(server.pid), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            recorder.send_signal(signal.SIGINT)
            recorder.wait(60)
        print(summary(self._output.read_text().splitlines()))


def summary(stacks: Iterable[str], rows: int = 40) -> str:
    """The functions with most samples of their own, then those with most including what they call.

    Takes py-spy's raw format: `outer (file:line);inner (file:line) samples` per line.
    """
    own: Counter[str] = Counter()
    inclusive: Counter[str] = Counter()
    for line in stacks:
        stack, _, samples = line.rpartition(" ")
        frames = [_function(frame) for frame in stack.split(";")]
        own[frames[-1]] += int(samples)
        for frame in set(frames):
            inclusive[frame] += int(samples)
    total = max(1, own.total())
    parts = []
    for title, counter in (("own time", own), ("with callees", inclusive)):
        parts.append(f"{title} (of {total} samples)")
        parts += [f"{count / total:6.1%}  {name}" for name, count in counter.most_common(rows)]
    return "\n".join(parts)


def _function(frame: str) -> str:
    """Without the line number, so that samples of one function come together."""
    name, _, place = frame.rpartition(" (")
    return f"{name} ({place.rpartition(':')[0]})"
