"""Pure part: a disk that takes nothing is not a fault of the program (RELIABILITY R8)."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from timserver.matrix import errors


@contextmanager
def disk_errors() -> Iterator[None]:
    """Raises `Unavailable` when the disk is full or may not be written."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        raise errors.Unavailable(
            "Files cannot be stored at the moment", inner=f"media: {error.strerror}"
        ) from error
