"""A Docker Engine of our own inside a private network, mount and process namespace (see `run.py`).

No interface leads out of that namespace, so containers reach nothing but each other and the test program, and when
the namespace's first process ends the kernel takes daemons, rules, bridges and mounts with it.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

BRIDGE = "198.18.0.1"
POOL = "base=198.19.0.0/16,size=24"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[None]:
    """dockerd and a resolver that answers NXDOMAIN at once; `DOCKER_HOST` points to the engine meanwhile."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    socket = f"unix://{folder}/docker.sock"
    os.environ["DOCKER_HOST"] = socket
    command = ["dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec",
               "--pidfile", f"{folder}/pid",
               "-H", socket, "--storage-driver", "overlay2", "--bip", f"{BRIDGE}/24",
               "--default-address-pool", POOL, "--dns", BRIDGE]  # fmt: skip
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_until_ready(daemon, folder / "dockerd.log")
            with _resolver(folder / "dnsmasq.log"):
                yield
        finally:
            containers = docker("ps", "-aq").split()
            if containers:
                docker("rm", "-f", *containers)
            daemon.terminate()
            daemon.wait(timeout=30)


@contextlib.contextmanager
def _resolver(log_path: Path) -> Iterator[None]:
    command = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces", "--pid-file",
               "--user=root", f"--listen-address={BRIDGE}", "--local=/#/"]  # fmt: skip
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def docker(*arguments: str, stdin: bytes | None = None, timeout_s: int = 300) -> str:
    """Run the docker client; returns its standard output, ends the run with its words when it fails."""
    done = subprocess.run(
        ["docker", *arguments], input=stdin, capture_output=True, timeout=timeout_s, check=False
    )
    if done.returncode:
        raise SystemExit(
            f"docker {arguments[0]}: {(done.stdout + done.stderr).decode(errors='replace').strip()}"
        )
    return done.stdout.decode(errors="replace").strip()


def logs(container: str, lines: int = 40) -> str:
    """The last lines of what a container has written, to standard output and error."""
    done = subprocess.run(
        ["docker", "logs", "--tail", str(lines), container],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    return done.stdout.decode(errors="replace").strip()


def _wait_until_ready(daemon: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if daemon.poll() is not None:
            break
        if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.2)
    raise SystemExit(f"dockerd did not start:\n{log.read_text()[-3000:]}")
