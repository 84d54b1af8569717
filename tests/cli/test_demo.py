"""`./dev serve` without the build: the demo on an embedded PostgreSQL of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

PORTS = 5


def free_ports() -> int:
    """The first of five free ports in a row."""
    for port in range(20_000 + os.getpid() % 9_000, 60_000, PORTS):
        with ExitStack() as stack:
            try:
                for number in range(PORTS):
                    stack.enter_context(socket.create_server(("127.0.0.1", port + number)))
            except OSError:
                continue
            return port
    raise AssertionError("no free ports")


@contextmanager
def demo(state: Path, port: int) -> Iterator[str]:
    """A running demo; what it has printed."""
    command = [sys.executable, "-m", "timserver", "demo", "--state", str(state), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("Further:"):
                    break
            yield "".join(lines)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def log_in(port: int, localpart: str, password: str) -> Any:
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": localpart},
        "password": password,
    }
    request = urllib.request.Request(
        f"http://localhost:{port}/_matrix/client/v3/login", json.dumps(body).encode(), method="POST"
    )
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read())


def test_two_starts(tmp_path: Path) -> None:
    port = free_ports()
    with demo(tmp_path / "demo", port) as printed:
        shown = dict(re.findall(r"@(\w+):\S+ +(\w+)", printed))
        assert len(shown) == 8
        for number, localpart in enumerate(("sommer", "winter", "anna"), start=1):
            assert log_in(port + number, localpart, shown[localpart])["access_token"]
    with demo(tmp_path / "demo", port) as printed:
        assert set(re.findall(r"@\w+:\S+ +(as before)", printed)) == {"as before"}
        assert "reset-password @sommer:praxis.localhost" in printed
        assert log_in(port + 2, "labor", shown["labor"])["user_id"] == "@labor:klinik.localhost"
        environment = {**os.environ, "TIM_CONFIG": str(tmp_path / "demo/timserver.toml")}
        command = [sys.executable, "-m", "timserver", "user", "list", "--json"]
        listed = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        assert len(json.loads(listed)) == 8
