"""What the C library does with large blocks that were freed."""

import platform
import subprocess
import sys

import pytest

from timserver.cli import allocator

ASK = """
import ctypes
from timserver.cli.allocator import give_memory_back

class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

info = ctypes.CDLL(None).mallinfo2
info.restype = Info
if {fixed}:
    assert give_memory_back()
block = bytes(20 << 20)
del block
block = bytes(20 << 20)
print(info().hblkhd >> 20)
"""


@pytest.mark.parametrize(("fixed", "mapped_mib"), [(False, 0), (True, 20)])
def test_the_second_large_block_has_a_mapping_of_its_own(fixed: bool, mapped_mib: int) -> None:
    if platform.libc_ver()[0] != "glibc":  # no other one has these thresholds
        assert not allocator.give_memory_back()
        return
    code = ASK.format(fixed=fixed)
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert mapped_mib <= int(answer) <= mapped_mib + 10
