"""A process gives up everything but reading, writing and memory, for good (RELIABILITY M2, S7, S13).

What remains: the files already open, the system calls of `_CALLS`, the limits given. A decoder that is taken over
can open no file and no socket, start nothing, and ends at its limits.
"""

import ctypes
import os
import platform
import resource
import signal
import struct

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2
_RET_ALLOW, _RET_EPERM = 0x7FFF0000, 0x00050001
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_OFFSET_CALL, _OFFSET_ARCH = 0, 4
_NOBODY = 65534

_CALLS = {
    # machine: (audit architecture, numbers of: read write close fstat lseek mmap mprotect munmap brk rt_sigaction
    # rt_sigprocmask rt_sigreturn pread64 pwrite64 madvise mremap futex exit exit_group clock_gettime getrandom
    # sched_yield getpid gettid restart_syscall)
    "x86_64": (
        0xC000003E,
        (0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 28, 25, 202, 60, 231, 228, 318, 24, 39, 186, 219),
    ),
    "aarch64": (
        0xC00000B7,
        (63, 64, 57, 80, 62, 222, 226, 215, 214, 134, 135, 139, 67, 68, 233, 216, 98, 93, 94, 113, 278, 124, 172,
         178, 128),
    ),
}  # fmt: skip


class LockdownRefused(Exception):
    """The kernel or the machine type cannot lock the process down: nothing may be decoded here."""


def enter(*, memory_bytes: int, cpu_s: int, wall_s: int, file_bytes: int) -> None:
    """Give up all rights. There is no way back. Raises `LockdownRefused`."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(wall_s)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    for what, limit in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    _filter_system_calls()


def _filter_system_calls() -> None:
    if platform.machine() not in _CALLS:
        raise LockdownRefused(f"no system call list for {platform.machine()}")
    program = _program(*_CALLS[platform.machine()])
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or _LIBC.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0
    ):
        raise LockdownRefused(f"seccomp: errno {ctypes.get_errno()}")


def _program(architecture: int, calls: tuple[int, ...]) -> bytes:
    """The filter in the kernel's BPF form: allow what is listed, answer EPERM to the rest."""
    steps = [
        (_LOAD, 0, 0, _OFFSET_ARCH),
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _RET_EPERM),
        (_LOAD, 0, 0, _OFFSET_CALL),
        *((_JUMP_IF_EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)),
        (_RETURN, 0, 0, _RET_EPERM),
        (_RETURN, 0, 0, _RET_ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


_LIBC = ctypes.CDLL(None, use_errno=True)
