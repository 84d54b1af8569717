"""Synapse from PyPI in its own environment, with everything that is not measured switched off."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conformance.bench import database
from conformance.bench.server import Server, installed, started

SECRET = "bench"
SERVER_NAME = "synapse.test"
UNLIMITED = {"per_second": 1e6, "burst_count": 1_000_000}


@contextmanager
def running(state: Path, folder: Path) -> Iterator[Server]:
    """A fresh server; its data lives in the folder."""
    with database.fresh(folder / "postgres") as db:
        settings = configuration(folder, db, database.free_port())
        with serving(state, folder, db, settings) as server:
            yield server


@contextmanager
def serving(state: Path, folder: Path, db: database.Database, settings: dict[str, Any]) -> Iterator[Server]:
    """A server of this configuration, whose first listener is the clients'."""
    python = installed(state / "synapse", "matrix-synapse", "psycopg2-binary") / "python"
    script = "import importlib.metadata as m; print(m.version('matrix-synapse'))"
    version = subprocess.run(
        [python, "-c", script], check=True, capture_output=True, text=True
    ).stdout.strip()
    port = settings["listeners"][0]["port"]
    config = folder / "homeserver.yaml"
    config.write_text(json.dumps(settings))
    (folder / "log.yaml").write_text(json.dumps(LOGGING))
    command: list[str | Path] = [python, "-m", "synapse.app.homeserver", "-c", config, "--generate-keys"]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    with started(command[:-1], folder, port, os.environ) as pid:
        yield Server(
            name="synapse",
            version=version,
            host="127.0.0.1",
            port=port,
            server_name=settings["server_name"],
            registration_secret=SECRET,
            pid=pid,
            database_pid=db.postmaster_pid,
        )


LOGGING = {"version": 1, "disable_existing_loggers": False, "root": {"level": "ERROR"}}


def configuration(folder: Path, db: database.Database, port: int) -> dict[str, Any]:
    """Defaults, except: client listener only, no rate limits, no presence, cheap passwords, no cached syncs."""
    limits = ["message", "registration", "registration_token_validity", "admin_redaction", "joins_per_room"]
    limits += ["media_create", "reports", "room_creation", "user_directory", "profile"]
    login = dict.fromkeys(["address", "account", "failed_attempts"], UNLIMITED)
    return {
        "server_name": SERVER_NAME,
        "listeners": [
            {
                "port": port,
                "bind_addresses": ["127.0.0.1"],
                "type": "http",
                "resources": [{"names": ["client"]}],
            }
        ],
        "database": {"name": "psycopg2", "args": {"dsn": db.url, "cp_min": 5, "cp_max": 10}},
        "default_room_version": "10",
        "report_stats": False,
        "trusted_key_servers": [],
        "signing_key_path": str(folder / "signing.key"),
        "media_store_path": str(folder / "media"),
        "log_config": str(folder / "log.yaml"),
        "registration_shared_secret": SECRET,
        "macaroon_secret_key": SECRET,
        "form_secret": SECRET,
        "bcrypt_rounds": 4,
        "presence": {"enabled": False},
        # An equal sync within two minutes would otherwise be answered from memory, which no client asks for.
        "caches": {"sync_response_cache_duration": 0},
        **{f"rc_{name}": UNLIMITED for name in limits},
        "rc_login": login,
        "rc_joins": {"local": UNLIMITED, "remote": UNLIMITED},
        "rc_invites": {"per_room": UNLIMITED, "per_user": UNLIMITED, "per_issuer": UNLIMITED},
        "rc_presence": {"per_user": UNLIMITED},
    }
