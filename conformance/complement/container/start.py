"""Process 1 of the image: the database, then the server named on the command line, until SIGTERM.

Begin reading at `main`. It runs many times over the same data (blueprints are committed layers), each time with
new ports outside and a new authority in `/complement/ca`. `--seed` makes the cluster and the schema and ends.
"""

import importlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from conformance.complement.container import postgres
from conformance.complement.container.certificate import make_certificate

READY = "http://127.0.0.1:8008/_matrix/client/versions"


def main(argv: list[str]) -> int:
    """`start.py synapse|timserver [--seed]`; the exit code is the server's."""
    server, seed = argv[0], "--seed" in argv
    module = importlib.import_module(f"conformance.complement.container.{server}")
    server_name = os.environ.get("SERVER_NAME", "seed")
    database = postgres.start(Path("/data/postgres"))
    try:
        postgres.ensure_database("homeserver")
        command = module.configure(server_name, *make_certificate(server_name, Path("/data/tls")))
        if seed and module.MIGRATE is not None:
            return subprocess.run(module.MIGRATE, check=False).returncode
        return serve(command, until_ready=seed)
    finally:
        postgres.stop(database)


def serve(command: list[str], *, until_ready: bool) -> int:
    """Run the server; SIGTERM and SIGINT are passed on. `until_ready` ends it when it answers."""
    child = subprocess.Popen(command)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _frame: child.send_signal(signum))
    if until_ready:
        while child.poll() is None and not answers():
            time.sleep(0.2)
        child.terminate()
        return 0 if child.wait() in {0, -signal.SIGTERM} else 1
    return child.wait()


def answers() -> bool:
    """Whether the server answers `GET /versions` with 200."""
    try:
        with urllib.request.urlopen(READY, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
