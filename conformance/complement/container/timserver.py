"""timserver in the image: one tenant that is named as Complement says, everything open, TI-M rules off."""

import json
import os
import subprocess
import sys
from pathlib import Path

from conformance.complement.container import postgres
from conformance.complement.container.certificate import AUTHORITY

DATA = Path("/data/timserver")
CONFIG = DATA / "timserver.toml"
PROGRAM = [sys.executable, "-m", "timserver", "--config", str(CONFIG)]
MIGRATE: list[str] | None = [*PROGRAM, "migrate"]


def configure(server_name: str, certificate: Path, key: Path) -> list[str]:
    """Write the configuration for this start and make the tenant; returns the command that serves."""
    DATA.mkdir(parents=True, exist_ok=True)
    listener = 'host = "0.0.0.0"\ntenant = ' + json.dumps(server_name)
    authority = f"extra_ca_files = [{json.dumps(str(AUTHORITY))}]" if AUTHORITY.exists() else ""
    CONFIG.write_text(
        f"""
state_dir = {json.dumps(str(DATA))}
default_room_version = "10"
retry_interval_ms = 1000
blocked_networks = []
token_in_query = true
fixed_device_keys = false
{authority}

[[listeners]]
{listener}
port = 8008
apis = ["client", "federation"]

[[listeners]]
{listener}
port = 8448
certificate = {json.dumps(str(certificate))}
key = {json.dumps(str(key))}
apis = ["client", "federation"]

[database]
url = "postgresql://homeserver@/homeserver?host={postgres.SOCKETS}"

[federation]
device_names = true

[registration]
open = true
shared_secret = "complement"

[server_notices]
localpart = "_server"

[rate_limits]
enabled = false

[password_hash]
time_cost = 1
memory_kib = 8

[media]
legacy_paths = true
url_previews = true

[log]
level = "info"
format = "console"
"""
    )
    if server_name != "seed":
        _make_tenant(server_name)
    return [*PROGRAM, "serve"]


def _make_tenant(server_name: str) -> None:
    """The tenant, unless an earlier start over the same data has made it."""
    made = subprocess.run([*PROGRAM, "tenant", "create", server_name], check=False)
    exists = 6
    if made.returncode not in {os.EX_OK, exists}:
        raise SystemExit(made.returncode)
    if made.returncode == os.EX_OK:
        subprocess.run([*PROGRAM, "tenant", "set", server_name, "registration=true"], check=True)
