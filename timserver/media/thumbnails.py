"""Thumbnails, made by a child process on demand. An idle server keeps no child.

The child (`thumbnail_child.py`) is started at the first picture and ends itself after `IDLE_S`. The server passes
open files, so the child needs no right to open any.
"""

import asyncio
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path
from typing import BinaryIO

import msgspec

from timserver.media.thumbnail_job import FAILED, STARTED, UNAVAILABLE, Job, Outcome

IDLE_S = 20
_ANSWER_BYTES_MAX = 4096


class _ChildGone(Exception):
    """The child had ended before it took the job."""


class Thumbnailer:
    """Owner of the child process. `at_once_max` pictures are decoded at the same time; the rest wait."""

    def __init__(self, at_once_max: int = 2, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._slots = asyncio.Semaphore(at_once_max)
        self._starting = asyncio.Lock()
        self._process: Process | None = None
        self._control: socket.socket | None = None

    async def make(self, job: Job, source: Path, target: BinaryIO) -> Outcome:
        """Write a thumbnail of the file `source` into the open file `target`. Never raises for a bad picture."""
        async with self._slots:
            for _ in range(2):
                try:
                    return await self._ask(job, source, target)
                except _ChildGone:
                    await self.close()
        return UNAVAILABLE

    async def close(self) -> None:
        """End the child; `make` would start a new one."""
        async with self._starting:
            if self._control is not None:
                self._control.close()
            if self._process is not None:
                await self._process.wait()
            self._control = self._process = None

    async def _ask(self, job: Job, source: Path, target: BinaryIO) -> Outcome:
        control = await self._child()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            ours.setblocking(False)
            with theirs, source.open("rb", buffering=0) as picture:
                descriptors = [picture.fileno(), target.fileno(), theirs.fileno()]
                try:
                    socket.send_fds(control, [msgspec.json.encode(job)], descriptors)
                except OSError as error:
                    raise _ChildGone from error
            return await _answer(ours, job.limits.wall_s_max + 10)

    async def _child(self) -> socket.socket:
        async with self._starting:
            if self._control is None or self._process is None or self._process.returncode is not None:
                if self._control is not None:
                    self._control.close()
                self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    self._process = await asyncio.create_subprocess_exec(
                        *(sys.executable, "-I", "-m", "timserver.media.thumbnail_child", str(self._idle_s)),
                        stdin=theirs.fileno(),
                        stdout=DEVNULL,
                        cwd="/",
                        env={},
                    )
            return self._control


async def _answer(ours: socket.socket, timeout_s: float) -> Outcome:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            if await loop.sock_recv(ours, _ANSWER_BYTES_MAX) != STARTED:
                raise _ChildGone
            answer = await loop.sock_recv(ours, _ANSWER_BYTES_MAX)
    except TimeoutError:
        return UNAVAILABLE
    return msgspec.json.decode(answer, type=Outcome) if answer else FAILED
