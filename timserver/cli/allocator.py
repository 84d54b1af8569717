"""How the C library keeps memory that was freed.

glibc raises two thresholds by itself as soon as a large block is freed: up to 64 MiB stay at the top of its heap, and
blocks of up to 32 MiB are cut from it, between those that live for long. A server that now and then reads something large
(a join, a picture) then grows by what it has already given back: in twenty rounds of partitions by 5 MiB each.
Fixed thresholds do not move.
"""

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1  # names of malloc.h
_M_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 128 << 10  # a mapping of its own; glibc's first value
_SPARE_BYTES: Final = 1 << 20  # at the top of the heap


def give_memory_back() -> bool:
    """For the whole process, before it does much; False where the C library has no such thing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all([mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES), mallopt(_M_TRIM_THRESHOLD, _SPARE_BYTES)])
