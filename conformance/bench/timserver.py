"""timserver as an operator would start it, with everything that is not measured switched off."""

import asyncio
import importlib.metadata
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from conformance.bench import database
from conformance.bench.server import Server, started
from timserver import app, config
from timserver.clock import SystemIds
from timserver.usecases import tenants

SECRET = "bench"
SERVER_NAME = "timserver.test"


@contextmanager
def running(_: Path, folder: Path) -> Iterator[Server]:
    """A fresh server with one tenant; its data lives in the folder."""
    with database.fresh(folder / "postgres") as db:
        port = database.free_port()
        environment = os.environ | settings(folder, db.url, port)
        with serving(folder, db, port, environment, [SERVER_NAME]) as server:
            yield server


@contextmanager
def serving(
    folder: Path, db: database.Database, port: int, environment: Mapping[str, str], names: Sequence[str]
) -> Iterator[Server]:
    """A server of these settings, with tenants of these names; the first is the one that is given."""
    program = [sys.executable, "-m", "timserver"]
    subprocess.run([*program, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
    asyncio.run(create_tenants(environment, names))
    with started([*program, "serve"], folder, port, environment) as pid:
        yield Server(
            name="timserver",
            version=importlib.metadata.version("timserver"),
            host="127.0.0.1",
            port=port,
            server_name=names[0],
            registration_secret=SECRET,
            pid=pid,
            database_pid=db.postmaster_pid,
            create_tenants=partial(create_tenants, environment),
        )


def settings(folder: Path, database_url: str, port: int) -> dict[str, str]:
    """Defaults, except: client listener only, no rate limits, no presence, cheap passwords."""
    return {
        "TIM_STATE_DIR": str(folder / "state"),
        "TIM_LISTENERS": json.dumps([{"port": port}]),
        "TIM_DATABASE__URL": database_url,
        "TIM_REGISTRATION__SHARED_SECRET": SECRET,
        "TIM_RATE_LIMITS__ENABLED": "false",
        "TIM_PASSWORD_HASH__TIME_COST": "1",
        "TIM_PASSWORD_HASH__MEMORY_KIB": "8",
        "TIM_PRESENCE": "false",
        "TIM_DEFAULT_ROOM_VERSION": "10",
        "TIM_LOG__LEVEL": "error",
    }


async def create_tenants(environment: Mapping[str, str], names: Sequence[str]) -> list[float]:
    """As `timserver tenant create` does, without starting a program for each."""
    settings = config.load(None, environment)
    seconds = []
    async with app.open_context(settings, config.load_master_key(settings, SystemIds())) as ctx:
        for name in names:
            began = time.perf_counter()
            await tenants.create_tenant(ctx, name)
            seconds.append(time.perf_counter() - began)
        listed = {tenant.server_name for tenant in await tenants.list_tenants(ctx)}
        assert listed.issuperset(names)
    return seconds
