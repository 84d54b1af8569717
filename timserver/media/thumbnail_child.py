"""The child process in which pictures are decoded; never imported by the server.

It is started on demand, loads Pillow, and waits. Each picture gets a fork of its own that locks itself down before it
reads the first byte, so one picture can neither see nor change another, and a fork that dies harms nobody. The
waiting process never looks into a picture. It ends when idle or when the server has gone.

Standard input is the socket to the server. A message is a `Job` with three file descriptors: picture, place for the
result, socket for the answer. The fork answers `STARTED`, then an `Outcome`.
"""

import errno
import os
import signal
import socket
import sys
import warnings
from typing import BinaryIO

import msgspec

from timserver.media import lockdown, pictures
from timserver.media.thumbnail_job import FAILED, STARTED, TOO_LARGE, UNAVAILABLE, Job, Outcome


def main() -> None:
    """Wait for jobs until idle for as many seconds as the first argument says."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    pictures.load_everything()
    with socket.socket(fileno=0) as control:
        control.settimeout(float(sys.argv[1]))
        while received := _next_job(control):
            _fork(control, *received)


def _next_job(control: socket.socket) -> tuple[Job, list[int]] | None:
    try:
        message, descriptors, _, _ = socket.recv_fds(control, 4096, 3)
    except TimeoutError:
        return None
    return (msgspec.json.decode(message, type=Job), descriptors) if message else None


def _fork(control: socket.socket, job: Job, descriptors: list[int]) -> None:
    if os.fork() == 0:
        try:
            control.close()
            _work(job, *descriptors)
        except lockdown.LockdownRefused as refused:
            sys.stderr.write(f"no thumbnails: {refused}\n")
        finally:
            sys.stderr.flush()
            os._exit(0)
    for descriptor in descriptors:
        os.close(descriptor)


def _work(job: Job, source: int, target: int, answer: int) -> None:
    with os.fdopen(source, "rb") as picture, os.fdopen(target, "wb") as result:
        os.write(answer, STARTED)
        limits = job.limits
        lockdown.enter(
            memory_bytes=limits.memory_bytes_max,
            cpu_s=limits.cpu_s_max,
            wall_s=limits.wall_s_max,
            file_bytes=limits.result_bytes_max,
        )
        os.write(answer, msgspec.json.encode(_outcome(job, picture, result)))


def _outcome(job: Job, picture: BinaryIO, result: BinaryIO) -> Outcome:
    try:
        outcome = pictures.make_thumbnail(job, picture, result)
        result.flush()
    except MemoryError:
        return TOO_LARGE
    except OSError as error:
        return UNAVAILABLE if error.errno in (errno.ENOSPC, errno.EDQUOT) else FAILED
    except Exception:  # whatever a decoder of foreign bytes may raise
        return FAILED
    return outcome


if __name__ == "__main__":
    main()
