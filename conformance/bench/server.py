"""What the load generator must know of a running server, whoever started it."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

import msgspec

START_S_MAX = 120


class Server(msgspec.Struct, frozen=True):
    """A server ready for load. Without process ids its CPU and memory stay unknown (0)."""

    name: str
    version: str
    host: str
    port: int
    server_name: str
    registration_secret: str
    pid: int | None = None
    database_pid: int | None = None
    create_tenants: Callable[[Sequence[str]], Awaitable[list[float]]] | None = None
    """Creates tenants of these names, gives the seconds for each; None where there is no such thing."""


def installed(environment: Path, *packages: str) -> Path:
    """The folder of programs of an environment with these packages, made on first use."""
    done = environment / "installed"
    if not done.exists():
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, environment], check=True)
        into = ["--python", str(environment / "bin" / "python")]
        subprocess.run([uv, "pip", "install", "-q", *into, *packages], check=True)
        done.touch()
    return environment / "bin"


@contextmanager
def started(
    command: Sequence[str | Path], folder: Path, port: int, environment: Mapping[str, str]
) -> Iterator[int]:
    """Run a server in its folder until the end; gives its process id when it answers.

    Raises RuntimeError with its last output when it ends or takes too long.
    """
    log = folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_S_MAX
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no server: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_matrix/client/versions", timeout=5).close()
    except HTTPError:
        return True
    except OSError:
        return False
    return True
