"""What a process and all its children have cost so far, as the kernel counts it."""

import contextlib
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil


class Usage(NamedTuple):
    """CPU seconds since the processes began; children that ended are counted in their parents."""

    server_cpu_s: float = 0.0
    database_cpu_s: float = 0.0
    generator_cpu_s: float = 0.0

    def since(self, earlier: "Usage") -> "Usage":
        """What was used in between."""
        return Usage(*map(operator.sub, self, earlier))

    def plus(self, more: "Usage") -> "Usage":
        """Both together."""
        return Usage(*map(operator.add, self, more))


def tree(pid: int | None) -> Iterator[psutil.Process]:
    """The process and all its descendants; nothing when there is none."""
    if pid is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        yield root
        yield from root.children(recursive=True)


def cpu_seconds(pid: int | None) -> float:
    """User and system time of the whole tree, including children that ended and were waited for."""
    total = 0.0
    for process in tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def own_cpu_seconds() -> float:
    """User and system time of this process alone: the load generator must not be the bottleneck."""
    times = psutil.Process().cpu_times()
    return times.user + times.system


def memory_bytes(pid: int | None) -> int:
    """Resident memory of the tree now."""
    return sum(_status_bytes(process.pid, "VmRSS") for process in tree(pid))


def peak_memory_bytes(pid: int | None) -> int:
    """Highest resident memory since `reset_peak_memory`, summed over the processes."""
    return sum(_status_bytes(process.pid, "VmHWM") for process in tree(pid))


def reset_peak_memory(pid: int | None) -> None:
    """Let the kernel begin anew; a server of another user keeps its old peak."""
    for process in tree(pid):
        with contextlib.suppress(OSError):
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def _status_bytes(pid: int, field: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0
