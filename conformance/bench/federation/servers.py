"""timserver and Synapse as in the client bench, with a listener for other servers and a name that these find."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from conformance.bench import database, synapse, timserver
from conformance.bench.server import Server
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
        environment = {**os.environ, **timserver.settings(folder, db.url, client_port), **(extra or {})}
        environment |= {
            "TIM_LISTENERS": json.dumps([{"port": client_port}, federation]),
            "TIM_EXTRA_CA_FILES": json.dumps([str(authority.file)]),
            "TIM_FEDERATION__ALLOWED_NETWORKS": json.dumps(LOOPBACK),
        }
        names = [f"{host}:{port}" for host in HOSTS]
        with timserver.serving(folder, db, client_port, environment, names) as server:
            yield server


@contextmanager
def synapse_running(state: Path, folder: Path, authority: Authority) -> Iterator[Server]:
    """A fresh Synapse named `localhost:port`, without limits for other servers."""
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
        with synapse.serving(state, folder, db, settings) as server:
            yield server
