"""What `doctor` finds in good and in bad health."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.cli.conftest import Ended, Run
from tests.support.postgres import Postgres
from timserver.cli.outcome import ExitCode


def findings(ended: Ended) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in Ended(0, ended.out, ended.err).json}


@pytest.fixture
async def url(fresh_database: Callable[[], Awaitable[str]]) -> str:
    return await fresh_database()


def test_good_health(run: Run, url: str) -> None:
    run("tenant", "create", "healthy.example", TIM_DATABASE__URL=url).must()
    ended = run("doctor", "--json", TIM_DATABASE__URL=url)
    found = findings(ended)
    errors = [finding for finding in found.values() if finding["status"] == "error"]
    assert (ended.code, errors) == (0, [])
    assert {"database version", "migrations", "tenant walls", "master key", "clock", "engine"} <= set(found)
    assert "next:" in run("doctor", TIM_DATABASE__URL=url, TIM_WORKERS="100").out


def test_a_wrong_configuration_is_a_finding(run: Run) -> None:
    ended = run("doctor", "--json", TIM_WORKER="2")
    assert ended.code == ExitCode.UNHEALTHY
    assert "the nearest is workers" in findings(ended)["configuration"]["what"]


def test_an_unreachable_database_is_a_finding(run: Run) -> None:
    ended = run("doctor", "--json", TIM_DATABASE__URL="postgresql://nobody@127.0.0.1:1/none")
    assert ended.code == ExitCode.UNHEALTHY
    assert findings(ended)["database"]["status"] == "error"


def test_another_master_key_is_a_finding(run: Run, tmp_path: Path) -> None:
    run("tenant", "create", "sealed.example")
    ended = run("doctor", "--json", TIM_STATE_DIR=str(tmp_path / "elsewhere"))
    assert "missing" in findings(ended)["master key"]["what"]


def test_an_open_master_key_is_a_finding(run: Run, tmp_path: Path) -> None:
    run("tenant", "list")
    (tmp_path / "state/master.key").chmod(0o644)
    found = findings(run("doctor", "--json"))["master key"]
    assert (found["status"], found["next"].split("do: ")[-1][:9]) == ("error", "chmod 600")


@pytest.fixture
async def stuck(url: str) -> str:
    """A tenant for which nobody has looked for an hour."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "insert into tenant (tenant_id, server_name, variant, tim_version, created_ts)"
        " values (1, 'stuck.example', 'off', '1.1', 0)"
    )
    await connection.execute(
        "insert into sending (tenant_id, due_ts, spread_position)"
        " values (1, (extract(epoch from clock_timestamp()) * 1000)::bigint - 3600000, 0)"
    )
    await connection.close()
    return url


def test_a_queue_that_nobody_serves_is_a_finding(run: Run, url: str, stuck: str) -> None:
    assert url == stuck
    found = findings(run("doctor", "--json", TIM_DATABASE__URL=stuck))["federation queue"]
    assert found["status"] == "warning"
    assert "60 minutes" in found["what"]


@pytest.fixture
async def open_wall(url: str) -> str:
    connection = await asyncpg.connect(url)
    await connection.execute("alter table device no force row level security")
    await connection.close()
    return url


def test_an_open_wall_is_a_finding(run: Run, open_wall: str) -> None:
    ended = run("doctor", "--json", TIM_DATABASE__URL=open_wall)
    assert ended.code == ExitCode.UNHEALTHY
    assert "device" in findings(ended)["tenant walls"]["what"]


@pytest.fixture
async def empty(postgres: Postgres, worker_id: str) -> AsyncIterator[str]:
    name = f"timserver_{worker_id}_empty"
    yield await postgres.create(name, template="template0")
    await postgres.drop(name)


def test_missing_migrations_are_a_finding(run: Run, empty: str) -> None:
    ended = run("doctor", "--json", TIM_DATABASE__URL=empty)
    assert ended.code == ExitCode.UNHEALTHY
    assert findings(ended)["migrations"]["next"] == "timserver migrate"
