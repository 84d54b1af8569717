"""timserver as an operator would start it, with everything that is not measured switched off."""

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.bench import database
from conformance.bench.server import Server, started

SECRET = "bench"
SERVER_NAME = "timserver.test"


@contextmanager
def running(_: Path, folder: Path) -> Iterator[Server]:
    """A fresh server with one tenant; its data lives in the folder."""
    with database.fresh(folder / "postgres") as db:
        port = database.free_port()
        environment = os.environ | settings(folder, db.url, port)
        timserver: list[str] = [sys.executable, "-m", "timserver"]

        def run(*words: str) -> None:
            subprocess.run([*timserver, *words], env=environment, check=True, stdout=subprocess.DEVNULL)

        def create_tenant(server_name: str) -> None:
            run("tenant", "create", server_name)

        run("migrate")
        create_tenant(SERVER_NAME)
        with started([*timserver, "serve"], folder, port, environment) as pid:
            yield Server(
                name="timserver",
                version=importlib.metadata.version("timserver"),
                host="127.0.0.1",
                port=port,
                server_name=SERVER_NAME,
                registration_secret=SECRET,
                pid=pid,
                database_pid=db.postmaster_pid,
                create_tenant=create_tenant,
            )


def settings(folder: Path, database_url: str, port: int) -> dict[str, str]:
    """Defaults, except: client listener only, no rate limits, no presence, cheap passwords."""
    return {
        "TIM_STATE_DIR": str(folder / "state"),
        "TIM_LISTENERS": json.dumps([{"port": port, "tenant": SERVER_NAME}]),
        "TIM_DATABASE__URL": database_url,
        "TIM_REGISTRATION__SHARED_SECRET": SECRET,
        "TIM_RATE_LIMITS__ENABLED": "false",
        "TIM_PASSWORD_HASH__TIME_COST": "1",
        "TIM_PASSWORD_HASH__MEMORY_KIB": "8",
        "TIM_PRESENCE": "false",
        "TIM_DEFAULT_ROOM_VERSION": "10",
        "TIM_LOG__LEVEL": "error",
    }
