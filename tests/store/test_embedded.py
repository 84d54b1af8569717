"""The embedded PostgreSQL itself; each test has a cluster of its own."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.support import postgres as support
from timserver.store.embedded import FAST_AND_LOSSY, EmbeddedError, EmbeddedPostgres


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "postgres"
    if (tmp_path / "postgres").exists():
        EmbeddedPostgres(tmp_path / "postgres").stop()


async def run(cluster: EmbeddedPostgres, sql: str) -> object:
    connection = await asyncpg.connect(cluster.url())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_data_survives_a_stop_and_a_crash(folder: Path) -> None:
    cluster = EmbeddedPostgres(folder)
    with cluster:
        await run(cluster, "create table fact (n int)")
    cluster.start()
    await run(cluster, "insert into fact values (1)")
    cluster.kill()
    with cluster:
        assert await run(cluster, "select n from fact") == 1


async def test_a_cluster_left_running_is_taken_over(folder: Path) -> None:
    first = EmbeddedPostgres(folder)
    first.start()
    pid = await run(first, "select pg_postmaster_start_time()")
    first.leave()
    with EmbeddedPostgres(folder) as second:
        assert await run(second, "select pg_postmaster_start_time()") == pid


async def test_a_pid_of_another_program_does_not_stop_the_start(folder: Path) -> None:
    cluster = EmbeddedPostgres(folder)
    with cluster:
        text = (cluster.data / "postmaster.pid").read_text()
    (cluster.data / "postmaster.pid").write_text("\n".join(["1", *text.splitlines()[1:]]) + "\n")
    with cluster:
        assert await run(cluster, "select 1") == 1


def test_one_folder_has_one_user_at_a_time(folder: Path) -> None:
    with EmbeddedPostgres(folder), pytest.raises(EmbeddedError, match="another process uses"):
        EmbeddedPostgres(folder).start()


async def test_a_long_path_gets_a_socket_elsewhere(tmp_path: Path) -> None:
    cluster = EmbeddedPostgres(tmp_path / ("long" * 30), FAST_AND_LOSSY)
    with cluster:
        assert await run(cluster, "select current_setting('fsync')") == "off"
        assert await run(cluster, "select current_setting('listen_addresses')") == ""


async def test_workers_have_databases_of_their_own(database_url: str, postgres: support.Postgres) -> None:
    other = await postgres.create("timserver_other")
    assert other != database_url
    await postgres.drop("timserver_other")
