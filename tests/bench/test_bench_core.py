"""`./dev bench core` resolves its forks to what the definition says, whether read anew or kept in memory."""

import pytest

from conformance.bench.core import rooms
from conformance.bench.core.ours import StoredFork
from timserver.core.definition import state_resolution
from timserver.matrix.room_versions import ROOM_VERSIONS

FORKS = [
    fork
    for version in ("11", "12")
    for fork in (
        *rooms.ruma_shapes(version),
        rooms.synthetic(version, 20, 2),
        rooms.synthetic(version, 40, 20),
        rooms.synthetic(version, 300, 260),
    )
]


@pytest.mark.parametrize("fork", FORKS, ids=lambda fork: f"{fork.version}: {fork.name}")
def test_outcomes_of_forks(fork: rooms.Fork) -> None:
    resolved = state_resolution.resolve(ROOM_VERSIONS[fork.version], fork.states, fork.events)
    stored = StoredFork(fork)
    assert stored.outcome() == stored.outcome(cold=True) == set(resolved.values())
