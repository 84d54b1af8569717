"""`timserver serve` as a service manager runs it: processes, signals, a Unix socket, READY=1."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Run


class OverUnix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def get(path: Path, url: str, host: str = "localhost") -> tuple[int, str]:
    with closing(OverUnix(path)) as connection:
        connection.request("GET", url, headers={"Host": host})
        response = connection.getresponse()
        return response.status, response.read().decode()


@contextmanager
def serving(database_url: str, folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server that has said READY=1."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(30)
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(folder / "notify"),
            "TIM_DATABASE__URL": database_url,
            "TIM_STATE_DIR": str(folder / "state"),
            "TIM_LISTENERS": json.dumps(
                [{"path": str(folder / "http")}, {"path": str(folder / "management"), "apis": ["metrics"]}]
            ),
        }
        command = [sys.executable, "-m", "timserver", "serve", *words]
        with subprocess.Popen(command, env=environment) as process:
            try:
                assert manager.recv(64) == b"READY=1"
                yield process
                assert manager.recv(64) == b"STOPPING=1"
            finally:
                process.kill()


@pytest.mark.parametrize("workers", [1, 2])
def test_it_serves_and_ends_cleanly(run: Run, database_url: str, tmp_path: Path, workers: int) -> None:
    name = f"served{workers}.example"
    run("tenant", "create", name).must()
    with serving(database_url, tmp_path, "--workers", str(workers)) as process:
        assert len(psutil.Process(process.pid).children()) == (workers if workers > 1 else 0)
        for _ in range(6):
            status, body = get(tmp_path / "http", "/_matrix/client/versions", name)
            assert (status, "versions" in json.loads(body)) == (200, True)
        management = tmp_path / "management"
        assert get(management, "/livez") == (200, "alive\n")
        assert get(management, "/readyz") == (200, "ready\n")
        assert get(management, "/_matrix/client/versions")[0] == 404
        status, body = get(management, "/metrics")
        counted = [line for line in body.splitlines() if line.startswith("timserver_requests_total{")]
        assert counted == ['timserver_requests_total{operation="get_versions",status="200"} 6.0']
        assert name not in body
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "TIM_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none",
        "TIM_STATE_DIR": str(tmp_path / "state"),
        "TIM_LISTENERS": json.dumps([{"path": str(tmp_path / "http")}]),
    }
    command = [sys.executable, "-m", "timserver", "serve"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4, done.stderr
    assert "timserver doctor" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {
            **os.environ,
            "TIM_STATE_DIR": str(tmp_path),
            "TIM_LISTENERS": json.dumps([{"port": port}]),
        }
        command = [sys.executable, "-m", "timserver", "serve"]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.returncode, str(port) in done.stderr) == (3, True)
