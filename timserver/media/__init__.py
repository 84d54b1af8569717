"""Files of the media repository and the locked-down child that looks into them. Knows no PostgreSQL, no HTTP.

`blobs.py` stores bytes under random names of our own (RELIABILITY M1); `thumbnails.py` decodes pictures in a child
process with limits (RELIABILITY M2, S7); `sniff.py` says what a file may claim to be (M3).
"""

import msgspec

from timserver.media.blobs import Blobs
from timserver.media.thumbnails import Thumbnailer


class MediaFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What use cases reach of this package."""

    blobs: Blobs
    thumbnailer: Thumbnailer
