"""Decoding and shrinking with Pillow. Runs only in the locked-down child (`thumbnail_child.py`).

Spec: https://spec.matrix.org/v1.19/client-server-api/#thumbnails
"""

import io
from typing import BinaryIO

from PIL import Image, MpoImagePlugin

from timserver.media.thumbnail_job import TOO_LARGE, Job, Limits, Method, Outcome

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
"""All decoders that a picture may reach (RELIABILITY M2). MPO is what some cameras write: JPEG with a second one."""
_CONTENT_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    MpoImagePlugin.MpoImageFile.format: "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
}
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_COLOR_PROFILE_BYTES_MAX = 64 * 1024

Size = tuple[int, int]
Box = tuple[float, float, float, float]


def load_everything() -> None:
    """Make Pillow load all that it loads late, because the lock-down forbids opening files."""
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = 6
    still, other = Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), "red")
    for kind in FORMATS:
        file = io.BytesIO()
        still.save(file, kind, exif=exif)
        if kind == "WEBP":
            still.save(file, kind, save_all=True, append_images=[other])
        with Image.open(file, formats=FORMATS) as image:
            _orientation(image)
            _save_still(image, (0, 0, 8, 8), (4, 4), 1, io.BytesIO())
    Image.new("I", (8, 8)).point(_to_8_bits).convert("L")


def make_thumbnail(job: Job, picture: BinaryIO, result: BinaryIO) -> Outcome:
    """Read the header, decide, and only then decode. Raises what Pillow raises on broken pictures.

    Pillow writes into memory first: it hides why a write to a file failed, and a full disk is not the picture's fault.
    """
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(picture, formats=FORMATS) as image:
        if image.width * image.height > job.limits.pixels_max:
            return TOO_LARGE
        moving = job.animated and _may_move(image, job.limits)
        orientation = _orientation(image)
        wanted = (job.height, job.width) if orientation >= 5 else (job.width, job.height)
        box, size = fit(image.size, wanted, job.method)
        if size == image.size and (moving or not _is_animated(image)):
            kind = _CONTENT_TYPES[str(image.format)]
            width, height = (size[1], size[0]) if orientation >= 5 else size
            return Outcome(status="original", content_type=kind, width=width, height=height)
        encoded = io.BytesIO()
        save = _save_moving if moving else _save_still
        outcome = save(image, box, size, orientation, encoded)
    result.write(encoded.getvalue())
    return outcome


def fit(picture: Size, wanted: Size, method: Method) -> tuple[Box, Size]:
    """Which part of the picture to take, and the size to bring it to: never larger than it is.

    Scale: neither side is smaller than wanted. Crop: the wanted aspect ratio.
    """
    width, height = picture
    if method is Method.SCALE:
        factor = max(wanted[0] / width, wanted[1] / height)
        if factor >= 1:
            return (0, 0, width, height), picture
        return (0, 0, width, height), (max(1, round(width * factor)), max(1, round(height * factor)))
    factor = min(width / wanted[0], height / wanted[1])
    part = (wanted[0] * factor, wanted[1] * factor)
    left, top = (width - part[0]) / 2, (height - part[1]) / 2
    shrink = max(1.0, factor)
    size = (max(1, round(part[0] / shrink)), max(1, round(part[1] / shrink)))
    return (left, top, left + part[0], top + part[1]), size


def _is_animated(image: Image.Image) -> bool:
    return image.format in ("GIF", "PNG", "WEBP") and bool(getattr(image, "is_animated", False))


def _may_move(image: Image.Image, limits: Limits) -> bool:
    """True if it is an animation within the limits. A GIF tells its length only by being walked through."""
    if not _is_animated(image):
        return False
    frames = 1
    try:
        while frames <= limits.frames_max:
            image.seek(frames)
            frames += 1
    except EOFError:
        pass
    image.seek(0)
    return frames <= limits.frames_max and frames * image.width * image.height <= limits.frame_pixels_max


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8; broken EXIF data counts as none."""
    if image.format not in ("JPEG", "MPO", "WEBP"):
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # whatever a decoder of foreign bytes may raise
        return 1
    return orientation if orientation in _UPRIGHT else 1


def _save_still(image: Image.Image, box: Box, size: Size, orientation: int, result: BinaryIO) -> Outcome:
    profile = image.info.get("icc_profile")
    before = image.size
    image.draft(image.mode, _needed(before, box, size))
    scale = image.width / before[0], image.height / before[1]
    part = (box[0] * scale[0], box[1] * scale[1], box[2] * scale[0], box[3] * scale[1])
    small = _plain(image).resize(size, Image.Resampling.LANCZOS, box=part, reducing_gap=2.0)
    if orientation in _UPRIGHT:
        small = small.transpose(_UPRIGHT[orientation])
    as_jpeg = image.format in ("JPEG", "MPO") or (image.format == "WEBP" and small.mode == "RGB")
    keep_profile = (
        profile if profile and len(profile) <= _COLOR_PROFILE_BYTES_MAX and image.mode != "CMYK" else None
    )
    if as_jpeg:
        small.save(result, "JPEG", quality=80, icc_profile=keep_profile)
    else:
        small.save(result, "PNG", icc_profile=keep_profile)
    kind = "image/jpeg" if as_jpeg else "image/png"
    return Outcome(status="made", content_type=kind, width=small.width, height=small.height)


def _needed(picture: Size, box: Box, size: Size) -> Size:
    """How large the whole picture must be decoded so that the part in the box reaches its size."""
    width = picture[0] * size[0] / (box[2] - box[0])
    height = picture[1] * size[1] / (box[3] - box[1])
    return round(width) + 1, round(height) + 1


def _save_moving(image: Image.Image, box: Box, size: Size, orientation: int, result: BinaryIO) -> Outcome:
    """As WebP. Animations are not turned upright: no camera makes them."""
    frames, durations = [], []
    for place in range(getattr(image, "n_frames", 1)):
        image.seek(place)
        frames.append(
            image.convert("RGBA").resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
        )
        durations.append(int(image.info.get("duration", 100)))
    frames[0].save(
        result,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=int(image.info.get("loop", 0)),
        method=1,
    )
    return Outcome(status="made", content_type="image/webp", width=size[0], height=size[1])


def _plain(image: Image.Image) -> Image.Image:
    """The picture as RGB, or RGBA if it has transparency: what can be resized and saved as JPEG and PNG."""
    if image.mode.startswith("I"):
        return image.convert("I").point(_to_8_bits).convert("L").convert("RGB")
    transparent = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if transparent else "RGB")


def _to_8_bits(value: float) -> float:
    return value * (1 / 256)
