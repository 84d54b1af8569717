"""What was measured, as values: one result per scenario and server, percentiles, ratios, the table."""

import math
from collections.abc import Iterable, Sequence

import msgspec
from rich.table import Table


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario on one server; CPU over the whole measure, memory in bytes, latency in milliseconds."""

    scenario: str
    server: str
    operations: int = 0
    seconds: float = 0.0
    server_cpu_s: float = 0.0
    database_cpu_s: float = 0.0
    generator_cpu_s: float = 0.0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    peak_memory_bytes: int = 0
    extra: dict[str, float] = {}
    error: str = ""
    """Why there are no figures."""

    @property
    def cpu_s_per_1000(self) -> float:
        """Server and database together."""
        return per_1000(self.server_cpu_s + self.database_cpu_s, self.operations)


class Report(msgspec.Struct, frozen=True):
    """One run: versions by server name, and all results."""

    versions: dict[str, str]
    results: list[Result]


def per_1000(amount: float, operations: int) -> float:
    """Scaled to 1,000 operations; 0 when there were none."""
    return amount * 1000 / operations if operations else 0.0


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank of an ordered sequence; 0 when it is empty."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ratio(ours: Result | None, theirs: Result | None) -> float | None:
    """Our CPU per operation by theirs; None when one of them is unknown or nothing."""
    if ours is None or theirs is None or not ours.cpu_s_per_1000 or not theirs.cpu_s_per_1000:
        return None
    return ours.cpu_s_per_1000 / theirs.cpu_s_per_1000


def table(results: Iterable[Result]) -> Table:
    """Scenarios by server, and the ratio of the first server to the second behind each pair."""
    grid = Table(title="CPU seconds per 1,000 operations, milliseconds, MiB", title_justify="left")
    for heading in (
        "scenario",
        "server",
        "ops/s",
        "server",
        "database",
        "both",
        "ratio",
        "p50",
        "p95",
        "p99",
        "peak",
    ):
        grid.add_column(
            heading, justify="left" if heading in ("scenario", "server") and not grid.rows else "right"
        )
    grid.add_column("besides", justify="left")
    by_scenario: dict[str, list[Result]] = {}
    for result in results:
        by_scenario.setdefault(result.scenario, []).append(result)
    for pair in by_scenario.values():
        share = ratio(pair[0], pair[1]) if len(pair) > 1 else None
        for result in pair:
            grid.add_row(*_cells(result, share if result is pair[0] else None))
        grid.add_section()
    return grid


def _cells(result: Result, share: float | None) -> list[str]:
    head = [result.scenario, result.server]
    if result.error:
        return [*head, *[""] * 9, f"failed: {result.error}"]
    return [
        *head,
        f"{result.operations / result.seconds:,.1f}",
        f"{per_1000(result.server_cpu_s, result.operations):.3f}",
        f"{per_1000(result.database_cpu_s, result.operations):.3f}",
        f"{result.cpu_s_per_1000:.3f}",
        f"1/{1 / share:.1f}" if share else "",
        f"{result.p50_ms:.1f}",
        f"{result.p95_ms:.1f}",
        f"{result.p99_ms:.1f}",
        f"{result.peak_memory_bytes / 2**20:,.0f}",
        ", ".join(f"{name} {value:,.1f}" for name, value in result.extra.items()),
    ]
