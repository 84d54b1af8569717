"""timserver and Synapse as in the client bench, with a listener for other servers and a name that these find."""

import asyncio
import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from conformance.bench import database, synapse, timserver
from conformance.bench.server import Server, installed, started
from tests.support.remote_server import Authority

HOSTS = ("localhost", "127.0.0.1")
LOOPBACK = ["127.0.0.0/8", "::1/128"]


@contextmanager
def timserver_running(
    _: Path, folder: Path, authority: Authority, extra: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A fresh timserver with two tenants, `localhost:port` (the one that is given back) and `127.0.0.1:port`."""
    with database.fresh(folder / "postgres") as db:
        client_port, port = database.free_port(), database.free_port()
        certificate, key = authority.issue(*HOSTS)
        federation = {"port": port, "certificate": str(certificate), "key": str(key), "apis": ["federation"]}
        environment = os.environ | timserver.settings(folder, db.url, client_port) | (extra or {})
        environment |= {
            "TIM_LISTENERS": json.dumps([{"port": client_port}, federation]),
            "TIM_EXTRA_CA_FILES": json.dumps([str(authority.file)]),
            "TIM_FEDERATION__ALLOWED_NETWORKS": json.dumps(LOOPBACK),
        }
        program = [sys.executable, "-m", "timserver"]
        subprocess.run([*program, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
        names = [f"{host}:{port}" for host in HOSTS]
        asyncio.run(timserver.create_tenants(environment, names))
        with started([*program, "serve"], folder, client_port, environment) as pid:
            yield Server(
                name="timserver",
                version=importlib.metadata.version("timserver"),
                host="127.0.0.1",
                port=client_port,
                server_name=names[0],
                registration_secret=timserver.SECRET,
                pid=pid,
                database_pid=db.postmaster_pid,
            )


@contextmanager
def synapse_running(state: Path, folder: Path, authority: Authority) -> Iterator[Server]:
    """A fresh Synapse named `localhost:port`, without limits for other servers."""
    python = installed(state / "synapse", "matrix-synapse", "psycopg2-binary") / "python"
    script = "import importlib.metadata as m; print(m.version('matrix-synapse'))"
    version = subprocess.run(
        [python, "-c", script], check=True, capture_output=True, text=True
    ).stdout.strip()
    with database.fresh(folder / "postgres") as db:
        client_port, port = database.free_port(), database.free_port()
        certificate, key = authority.issue(*HOSTS)
        settings = synapse.configuration(folder, db, client_port)
        settings["listeners"].append(
            {
                "port": port,
                "bind_addresses": ["127.0.0.1"],
                "type": "http",
                "tls": True,
                "resources": [{"names": ["federation"]}],
            }
        )
        settings |= {
            "server_name": f"localhost:{port}",
            "tls_certificate_path": str(certificate),
            "tls_private_key_path": str(key),
            "federation_custom_ca_list": [str(authority.file)],
            "ip_range_blacklist": [],
            "federation_ip_range_blacklist": [],
            "rc_federation": {
                "window_size": 1000,
                "sleep_limit": 1_000_000,
                "sleep_delay": 1,
                "reject_limit": 1_000_000,
                "concurrent": 1000,
            },
        }
        config = folder / "homeserver.yaml"
        config.write_text(json.dumps(settings))
        (folder / "log.yaml").write_text(json.dumps(synapse.LOGGING))
        command: list[str | Path] = [python, "-m", "synapse.app.homeserver", "-c", config, "--generate-keys"]
        subprocess.run(command, check=True, cwd=folder, capture_output=True)
        with started(command[:-1], folder, client_port, os.environ) as pid:
            yield Server(
                name="synapse",
                version=version,
                host="127.0.0.1",
                port=client_port,
                server_name=f"localhost:{port}",
                registration_secret=synapse.SECRET,
                pid=pid,
                database_pid=db.postmaster_pid,
            )
