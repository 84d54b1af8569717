"""RELIABILITY R5, R6: what is written on all sides of a broken network is the same everywhere when it works again.

One round of each; `./dev conformance partitions` plays hundreds.
"""

from pathlib import Path
from random import Random

import pytest

from conformance.partitions import agreement
from conformance.partitions.network import network
from conformance.partitions.round import play
from tests.support.postgres import Postgres

ROUNDS = 1


@pytest.mark.parametrize(("servers", "seed"), [(2, 1), (3, 7)])
async def test_servers_agree_after_a_partition(
    postgres: Postgres, worker_id: str, tmp_path: Path, servers: int, seed: int
) -> None:
    databases = [f"timserver_{worker_id}_partition_{place}" for place in range(servers)]
    urls = [await postgres.create(database) for database in databases]
    async with network(urls, tmp_path, Random(seed)) as net:
        for number in range(ROUNDS):
            done = await play(net, seed + number, duration_s=1.0, pause_s=0.1)
            assert not done.wrong, done
            assert not done.lost, done
            print(agreement.summary(done.views))
    for database in databases:
        await postgres.drop(database)
