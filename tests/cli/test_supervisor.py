"""Real: processes, signals, pipes. Fake: what a worker does (it says who it is and waits)."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

PROGRAM = """
import os, signal, sys, time
from timserver.cli.supervisor import Supervisor
from timserver.clock import SystemClock

def say(word):
    os.write(1, f"{word} {os.getpid()}\\n".encode())  # whole lines, from several processes

def obedient(ready):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    say("up")
    ready()
    signal.sigwait([signal.SIGTERM])
    say("down")
    return 0

def deaf(ready):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready()
    while True:
        time.sleep(60)

def broken(ready):
    return 4

def crashing(ready):
    ready()
    time.sleep(1)  # so that all were ready once, also on a busy machine
    raise RuntimeError("boom")

supervisor = Supervisor(2, globals()[sys.argv[1]], clock=SystemClock(), drain_s=float(sys.argv[2]),
                        on_ready=lambda: print("ready", flush=True))
raise SystemExit(supervisor.run())
"""


@contextmanager
def started(work: str, drain_s: float = 10) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, work, str(drain_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], wanted: Callable[[str], bool]) -> list[str]:
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if wanted(line.strip()):
            return lines
    raise AssertionError(lines)


def ready(line: str) -> bool:
    return line == "ready"


def up(line: str) -> bool:
    return line.startswith("up")


def test_it_is_ready_when_all_workers_are_and_passes_sigterm_on() -> None:
    with started("obedient") as process:
        lines = read_until(process, ready)
        assert [line.split()[0] for line in lines] == ["up", "up", "ready"]
        process.send_signal(signal.SIGTERM)
        assert process.stdout
        assert sorted(process.stdout.read().split()[::2]) == ["down", "down"]
        assert process.wait(10) == 0


def test_a_killed_worker_is_replaced() -> None:
    with started("obedient") as process:
        lines = read_until(process, ready)
        old = [int(line.split()[1]) for line in lines if up(line)]
        os.kill(old[0], signal.SIGKILL)
        (again,) = read_until(process, up)
        assert int(again.split()[1]) not in old
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_a_worker_that_fails_before_all_are_ready_ends_it_with_its_code() -> None:
    with started("broken") as process:
        assert process.wait(10) == 4


def test_a_worker_that_keeps_crashing_is_started_later_each_time() -> None:
    with started("crashing") as process:
        assert process.stderr
        waits = []
        for line in process.stderr:
            if line.startswith("timserver: worker"):
                waits.append(float(line.split()[-2]))
            if len(waits) == 4:
                break
        assert sorted(waits) == [0.25, 0.25, 0.5, 0.5]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def test_a_worker_that_ignores_sigterm_is_killed() -> None:
    with started("deaf", drain_s=-4.5) as process:
        read_until(process, ready)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is of Linux")
def test_workers_end_with_their_parent() -> None:
    with started("obedient") as process:
        lines = read_until(process, ready)
        children = [psutil.Process(int(line.split()[1])) for line in lines if up(line)]
        process.kill()
        gone, alive = psutil.wait_procs(children, timeout=10)
        assert (len(gone), alive) == (2, [])
