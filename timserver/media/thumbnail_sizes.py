"""Which of few sizes is made for a wish: a client cannot fill the disk with sizes of its own invention.

Spec: https://spec.matrix.org/v1.19/client-server-api/#thumbnails
"""

from timserver.media.thumbnail_job import Job, Limits, Method

CROPS = (32, 96, 320, 640)
"""Sides of the squares."""
SCALES = ((96, 96), (320, 240), (640, 480), (800, 600), (1600, 1200), (65535, 65535))
"""The last one: the picture's own size, for a still of an animation."""


def job_for(width: int, height: int, method: Method, animated: bool, limits: Limits) -> Job:
    """The smallest of our sizes that is not smaller than the wish.

    A crop that is no square we have becomes a scale: nothing of what was wanted is missing in it.
    """
    if method is Method.CROP and width == height <= CROPS[-1]:
        side = next(side for side in CROPS if side >= width)
        size = side, side
    else:
        method = Method.SCALE
        size = next((size for size in SCALES if size[0] >= width and size[1] >= height), SCALES[-1])
    return Job(width=size[0], height=size[1], method=method, animated=animated, limits=limits)


def variant_of(job: Job) -> str:
    """A name for what the job makes, the same for the same result."""
    return f"{job.method}-{job.width}x{job.height}" + ("-animated" if job.animated else "")
