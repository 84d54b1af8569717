"""What issue "Federation" wants reached, judged on the figures of one run."""

from collections.abc import Iterable, Sequence

from conformance.bench.federation.loopback import Way
from conformance.bench.figures import Result

CPU_SHARE_MAX = 1 / 5
JOIN_RATIO_MIN = 5
JOIN_MEMBERS = 2_000
LOOPBACK_SHARE_MAX = 1 / 10
SUFFIXES = ("received", "sent", "catch-up")


def missed(results: Sequence[Result]) -> Iterable[str]:
    """Bars between timserver and Synapse that were not reached; none for what was measured on one of them only."""
    by_scenario: dict[str, dict[str, Result]] = {}
    for result in results:
        if result.operations and not result.error:
            by_scenario.setdefault(result.scenario, {})[result.server] = result
    for scenario, found in by_scenario.items():
        if not {"timserver", "synapse"} <= found.keys():
            continue
        ours, theirs = found["timserver"], found["synapse"]
        if scenario.startswith(SUFFIXES):
            share = ours.cpu_s_per_1000 / theirs.cpu_s_per_1000
            if share > CPU_SHARE_MAX:
                yield f"{scenario}: CPU per event 1/{1 / share:.1f} of Synapse's, wanted 1/{1 / CPU_SHARE_MAX:.0f}"
        elif scenario == f"join, {JOIN_MEMBERS:,} members":
            ratio = theirs.seconds / ours.seconds
            if ratio < JOIN_RATIO_MIN:
                yield f"{scenario}: {ratio:.1f} times as fast as Synapse, wanted {JOIN_RATIO_MIN}"


def missed_by_loopback(loopback: Way, http: Way) -> Iterable[str]:
    """Whether the way without HTTP is as cheap as it should be."""
    share = loopback.request_ms / http.request_ms
    if share > LOOPBACK_SHARE_MAX:
        yield f"loop-back: {share:.2f} of what HTTP costs, wanted {LOOPBACK_SHARE_MAX}"
