"""N equal worker processes on sockets that the parent bound (DESIGN 7).

The parent forks before it has any thread or event loop, so children share its memory pages and inherit its sockets.
It then only waits: a child that ends by itself is started again, later each time; SIGTERM and SIGINT are passed on.
A child whose parent dies gets SIGTERM from the kernel.
"""

import ctypes
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from timserver.clock import Clock

BACKOFF_S_FIRST = 0.25
BACKOFF_S_MAX = 30.0
HEALTHY_S = 60.0
"""A child that lived this long starts again at once when it dies."""
KILL_AFTER_S = 5.0
"""Beyond the drain time."""

_PR_SET_PDEATHSIG = 1

Work = Callable[[Callable[[], None]], int]
"""What a child does until it gets SIGTERM: takes a function to call when ready, returns the exit code."""


@dataclass
class _Slot:
    """One worker's place: who is in it, or when the next one starts."""

    pid: int = 0
    started_s: float = 0.0
    start_at_s: float = 0.0
    crashes: int = 0


class Supervisor:
    """Runs `count` children until told to stop. `run` returns the exit code of the whole."""

    def __init__(
        self, count: int, work: Work, *, clock: Clock, drain_s: float, on_ready: Callable[[], None]
    ) -> None:
        self._work = work
        self._clock = clock
        self._drain_s = drain_s
        self._on_ready = on_ready
        self._slots = [_Slot() for _ in range(count)]
        self._ready_pids: set[int] = set()
        self._was_ready = False
        self._deadline_s: float | None = None
        self._code = 0

    def run(self) -> int:
        """Until SIGTERM or SIGINT, or until a child fails before all were ready once."""
        self._parent = os.getpid()
        self._ready_in, self._ready_out = os.pipe()
        os.set_blocking(self._ready_in, False)
        with _signals() as signals, selectors.DefaultSelector() as selector:
            selector.register(signals, selectors.EVENT_READ)
            selector.register(self._ready_in, selectors.EVENT_READ)
            while self._deadline_s is None or any(slot.pid for slot in self._slots):
                self._start_due()
                events = {key.fileobj for key, _ in selector.select(self._patience_s())}
                if self._ready_in in events:  # first: who was ready and then crashed was ready
                    self._note_ready(os.read(self._ready_in, 4096))
                if signals in events:
                    self._take(signals.recv(64))
                self._kill_late()
        os.close(self._ready_in)
        os.close(self._ready_out)
        return self._code

    def _start_due(self) -> None:
        now = self._clock.monotonic_s()
        for slot in self._slots:
            if not slot.pid and slot.start_at_s <= now and self._deadline_s is None:
                slot.pid, slot.started_s = self._fork(), now

    def _fork(self) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            _become_child(self._parent)
            code = self._work(self._tell_ready)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _tell_ready(self) -> None:
        os.write(self._ready_out, os.getpid().to_bytes(4, "big"))

    def _note_ready(self, data: bytes) -> None:
        self._ready_pids |= {int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)}
        if not self._was_ready and all(slot.pid in self._ready_pids for slot in self._slots):
            self._was_ready = True
            self._on_ready()

    def _take(self, numbers: bytes) -> None:
        if signal.SIGCHLD in numbers:
            self._reap()
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stop(signal.SIGTERM)

    def _stop(self, number: int) -> None:
        if self._deadline_s is None:
            self._deadline_s = self._clock.monotonic_s() + self._drain_s + KILL_AFTER_S
        for slot in self._slots:
            if slot.pid:
                os.kill(slot.pid, number)

    def _reap(self) -> None:
        for slot in self._slots:
            if not slot.pid:
                continue
            pid, status = os.waitpid(slot.pid, os.WNOHANG)
            if pid:
                self._ended(slot, os.waitstatus_to_exitcode(status))

    def _ended(self, slot: _Slot, code: int) -> None:
        now = self._clock.monotonic_s()
        pid, slot.pid = slot.pid, 0
        self._ready_pids.discard(pid)
        if self._deadline_s is not None:
            self._code = self._code or (max(0, code))
        elif not self._was_ready:
            self._code = code if code > 0 else 1
            self._stop(signal.SIGTERM)
        else:
            slot.crashes = 0 if now - slot.started_s > HEALTHY_S else slot.crashes + 1
            wait_s = min(BACKOFF_S_MAX, BACKOFF_S_FIRST * 2 ** (slot.crashes - 1)) if slot.crashes else 0.0
            slot.start_at_s = now + wait_s
            sys.stderr.write(f"timserver: worker {pid} ended ({code}); next in {wait_s:.2f} s\n")

    def _patience_s(self) -> float | None:
        """How long nothing is due; None: until a signal."""
        now = self._clock.monotonic_s()
        if self._deadline_s is not None:
            return max(0.0, self._deadline_s - now)
        due = [slot.start_at_s for slot in self._slots if not slot.pid]
        return max(0.0, min(due) - now) if due else None

    def _kill_late(self) -> None:
        if self._deadline_s is not None and self._clock.monotonic_s() >= self._deadline_s:
            self._deadline_s += KILL_AFTER_S
            self._code = self._code or 1
            self._stop(signal.SIGKILL)


def _become_child(parent: int) -> None:
    """Undo what the parent set up, and end with it."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(0)


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket from which the numbers of arriving signals can be read."""

    def noted(_: int, __: FrameType | None) -> None:
        """The wake-up socket has it."""

    receiver, sender = socket.socketpair()
    receiver.setblocking(False)
    sender.setblocking(False)
    before = {
        number: signal.signal(number, noted) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    }
    wakeup = signal.set_wakeup_fd(sender.fileno())
    try:
        yield receiver
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, action in before.items():
            signal.signal(number, action)
        receiver.close()
        sender.close()
