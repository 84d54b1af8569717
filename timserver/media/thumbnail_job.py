"""What parent and child say to each other about one thumbnail. Imported by both: keep it small."""

from enum import StrEnum
from typing import Literal

import msgspec


class Method(StrEnum):
    """How a picture is fitted into the wanted size."""

    CROP = "crop"
    """The aspect ratio of the wanted size; what hangs over is cut off."""
    SCALE = "scale"
    """The picture's own aspect ratio; neither side gets smaller than wanted."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one picture may cost (RELIABILITY S7)."""

    memory_bytes_max: int = 256 * 1024 * 1024
    cpu_s_max: int = 5
    wall_s_max: int = 20
    result_bytes_max: int = 10 * 1024 * 1024
    pixels_max: int = 50_000_000
    """Width times height, asked before anything is decoded."""
    frames_max: int = 100
    """An animation of more frames becomes a still picture."""
    frame_pixels_max: int = 50_000_000
    """Pixels of all frames together; above, a still picture."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Make one thumbnail. Sizes in pixels."""

    width: int
    height: int
    method: Method
    animated: bool = False
    limits: Limits = Limits()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a job.

    `made`: the thumbnail was written. `original`: the picture is not larger than wanted, serve it as it is.
    `too_large`: more pixels or memory than allowed. `failed`: not a picture we decode, or broken. `unavailable`: no
    child, no time or no disk; nothing is known about the picture.
    """

    status: Literal["made", "original", "too_large", "failed", "unavailable"]
    content_type: str = ""
    width: int = 0
    height: int = 0


FAILED = Outcome(status="failed")
TOO_LARGE = Outcome(status="too_large")
UNAVAILABLE = Outcome(status="unavailable")
STARTED = b"started"
"""First answer of a fork: it has taken the job. An answer that ends before it means: the child was gone."""
