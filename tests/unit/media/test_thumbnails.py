"""The real child process decodes real files; nothing is faked."""

import io
import random
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from timserver.media.thumbnail_job import Job, Limits, Method, Outcome
from timserver.media.thumbnail_sizes import job_for
from timserver.media.thumbnails import Thumbnailer

SMALL = Job(width=32, height=32, method=Method.CROP)
MOVING = Job(width=32, height=32, method=Method.CROP, animated=True)


class Lab:
    """Makes thumbnails of bytes and keeps the last result."""

    def __init__(self, thumbnailer: Thumbnailer, folder: Path) -> None:
        self.thumbnailer = thumbnailer
        self._source, self._target = folder / "source", folder / "target"

    async def make(self, content: bytes, job: Job = SMALL) -> Outcome:
        self._source.write_bytes(content)
        with self._target.open("wb") as target:
            return await self.thumbnailer.make(job, self._source, target)

    def result(self) -> Image.Image:
        return Image.open(io.BytesIO(self._target.read_bytes()))


@pytest.fixture(scope="module")
async def thumbnailer() -> AsyncIterator[Thumbnailer]:
    thumbnailer = Thumbnailer()
    yield thumbnailer
    await thumbnailer.close()


@pytest.fixture
def lab(thumbnailer: Thumbnailer, tmp_path: Path) -> Lab:
    return Lab(thumbnailer, tmp_path)


def picture(kind: str, size: tuple[int, int] = (80, 60), mode: str = "RGB", **options: object) -> bytes:
    image = Image.linear_gradient("L").resize(size).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(size))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def film(kind: str, frames: int, size: tuple[int, int] = (64, 64)) -> bytes:
    images = [Image.new("L", size, place * 50 % 250) for place in range(frames)]
    file = io.BytesIO()
    options = {"lossless": False, "method": 0} if kind == "WEBP" else {}
    images[0].save(file, kind, save_all=True, append_images=images[1:], duration=20, **options)
    return file.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_of_claimed_size(width: int, height: int, body: bytes = b"\0") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("kind", "mode", "content_type"),
    [
        ("PNG", "RGB", "image/png"),
        ("PNG", "RGBA", "image/png"),
        ("PNG", "P", "image/png"),
        ("PNG", "1", "image/png"),
        ("JPEG", "RGB", "image/jpeg"),
        ("JPEG", "L", "image/jpeg"),
        ("JPEG", "CMYK", "image/jpeg"),
        ("GIF", "P", "image/png"),
        ("WEBP", "RGB", "image/jpeg"),
        ("WEBP", "RGBA", "image/png"),
    ],
)
async def test_every_kind_and_color_mode(lab: Lab, kind: str, mode: str, content_type: str) -> None:
    outcome = await lab.make(picture(kind, mode=mode))
    assert outcome == Outcome(status="made", content_type=content_type, width=32, height=32)
    assert lab.result().size == (32, 32)


async def test_sixteen_bits_keep_their_brightness(lab: Lab) -> None:
    file = io.BytesIO()
    Image.new("I;16", (64, 64), 0x8000).save(file, "PNG")
    assert (await lab.make(file.getvalue())).status == "made"
    assert lab.result().convert("L").getpixel((9, 9)) == 0x80


@pytest.mark.parametrize(
    ("size", "job", "expected"),
    [
        ((800, 400), Job(width=320, height=240, method=Method.SCALE), (480, 240)),
        ((400, 800), Job(width=320, height=240, method=Method.SCALE), (320, 640)),
        ((800, 400), Job(width=96, height=96, method=Method.CROP), (96, 96)),
        ((50, 500), Job(width=96, height=96, method=Method.CROP), (50, 50)),
        ((3000, 10), Job(width=96, height=96, method=Method.CROP), (10, 10)),
    ],
)
async def test_sizes(lab: Lab, size: tuple[int, int], job: Job, expected: tuple[int, int]) -> None:
    outcome = await lab.make(picture("JPEG", size), job)
    assert (outcome.width, outcome.height) == lab.result().size == expected


@pytest.mark.parametrize("method", list(Method))
async def test_nothing_is_scaled_up(lab: Lab, method: Method) -> None:
    outcome = await lab.make(picture("PNG", (20, 20)), Job(width=32, height=32, method=method))
    assert outcome == Outcome(status="original", content_type="image/png", width=20, height=20)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_pictures_stand_upright(lab: Lab, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    outcome = await lab.make(
        picture("JPEG", (400, 200), exif=exif), Job(width=100, height=100, method=Method.SCALE)
    )
    expected = (200, 100) if orientation < 5 else (100, 200)
    assert (outcome.width, outcome.height) == expected
    result = lab.result()
    assert not result.getexif()
    # The gradient is dark at the top of the stored picture.
    corner = {1: (0, 0), 2: (0, 0), 3: (0, -1), 4: (0, -1), 5: (0, 0), 6: (-1, 0), 7: (-1, 0), 8: (0, 0)}[
        orientation
    ]
    dark = result.convert("L").getpixel((corner[0] % result.width, corner[1] % result.height))
    assert dark in range(20)


async def test_broken_exif_does_not_matter(lab: Lab) -> None:
    outcome = await lab.make(picture("JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffgarbage"))
    assert outcome.status == "made"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
async def test_animations_move_only_when_asked_to(lab: Lab, kind: str) -> None:
    content = film(kind, 5)
    still = await lab.make(content)
    assert still.status == "made"
    assert getattr(lab.result(), "n_frames", 1) == 1
    moving = await lab.make(content, MOVING)
    assert moving == Outcome(status="made", content_type="image/webp", width=32, height=32)
    assert getattr(lab.result(), "n_frames", 1) == 5


async def test_a_still_of_a_small_animation_is_not_the_original(lab: Lab) -> None:
    outcome = await lab.make(film("GIF", 5), job_for(800, 600, Method.SCALE, animated=False, limits=Limits()))
    assert (outcome.status, outcome.width) == ("made", 64)
    assert (
        await lab.make(film("GIF", 5), job_for(800, 600, Method.SCALE, animated=True, limits=Limits()))
    ).status == "original"


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
async def test_ten_thousand_frames_become_a_still(lab: Lab, kind: str) -> None:
    outcome = await lab.make(film(kind, 10_000, (40, 40)), MOVING)
    assert outcome.status == "made"
    assert outcome.content_type != "image/webp"


@pytest.mark.parametrize(
    "content",
    [
        png_of_claimed_size(65_535, 65_535),
        png_of_claimed_size(2**31 - 1, 2**31 - 1),
        png_of_claimed_size(50_000_001, 1),
        picture("GIF", (1, 1), "P").replace(b"\x01\0\x01\0", b"\xff\xff\xff\xff"),
    ],
)
async def test_pictures_of_too_many_pixels_are_not_decoded(lab: Lab, content: bytes) -> None:
    assert (await lab.make(content)).status == "too_large"


async def test_a_decoder_that_wants_too_much_memory_ends_alone(lab: Lab) -> None:
    rows = zlib.compress(bytes(1 + 4 * 7000) * 7000, 9)
    bomb = png_of_claimed_size(7000, 7000, rows)
    assert len(bomb) < 1_000_000
    tight = Job(width=32, height=32, method=Method.CROP, limits=Limits(memory_bytes_max=150 * 1024 * 1024))
    assert (await lab.make(bomb, tight)).status == "too_large"
    assert (await lab.make(picture("PNG"))).status == "made"


async def test_a_decoder_that_takes_too_long_ends_alone(lab: Lab) -> None:
    content = film("GIF", 100, (600, 600))
    hasty = Job(width=500, height=500, method=Method.CROP, animated=True, limits=Limits(cpu_s_max=1))
    assert (await lab.make(content, hasty)).status == "failed"
    assert (await lab.make(picture("PNG"))).status == "made"


async def test_a_result_that_gets_too_long_is_refused(lab: Lab) -> None:
    noise = io.BytesIO()
    Image.effect_noise((400, 400), 90).save(noise, "PNG")
    short = Job(width=300, height=300, method=Method.CROP, limits=Limits(result_bytes_max=10_000))
    assert (await lab.make(noise.getvalue(), short)).status == "failed"


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
async def test_a_full_disk_is_not_the_fault_of_the_picture(
    thumbnailer: Thumbnailer, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "source").write_bytes(picture(kind))
    with Path("/dev/full").open("wb") as full:  # noqa: ASYNC230
        assert (await thumbnailer.make(SMALL, tmp_path / "source", full)).status == "unavailable"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><script>alert(1)</script></html>",
        b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*",
        picture("TIFF"),
        picture("BMP"),
        picture("ICO"),
        picture("PPM"),
        picture("TGA"),
    ],
)
async def test_only_four_decoders_can_be_reached(lab: Lab, content: bytes) -> None:
    assert (await lab.make(content)).status == "failed"


async def test_a_polyglot_is_only_its_picture(lab: Lab) -> None:
    outcome = await lab.make(picture("GIF", mode="P") + b"<script>alert(1)</script>PK\x03\x04")
    assert outcome.status == "made"
    assert lab.result().format == "PNG"


async def test_six_hundred_damaged_files_harm_nobody(lab: Lab) -> None:
    dice = random.Random(7)
    seeds = [picture("PNG", (60, 60)), picture("JPEG"), film("GIF", 3), film("WEBP", 3), film("PNG", 3)]
    seeds.append(picture("JPEG", progressive=True))
    for seed in seeds:
        for _ in range(50):
            cut = seed[: dice.randrange(len(seed))]
            flipped = bytearray(seed)
            for _ in range(dice.randrange(1, 20)):
                flipped[dice.randrange(len(flipped))] = dice.randrange(256)
            for content in (cut, bytes(flipped)):
                outcome = await lab.make(content, dice.choice((SMALL, MOVING)))
                assert outcome.status in ("made", "original", "too_large", "failed")
    assert (await lab.make(picture("PNG"))).status == "made"


async def test_the_child_ends_when_idle_and_comes_back(tmp_path: Path) -> None:
    lab = Lab(Thumbnailer(idle_s=0.05), tmp_path)
    assert (await lab.make(picture("PNG"))).status == "made"
    process = lab.thumbnailer._process
    assert process is not None
    assert await process.wait() == 0
    assert (await lab.make(picture("PNG"))).status == "made"
    await lab.thumbnailer.close()


async def test_a_killed_child_is_replaced(lab: Lab) -> None:
    assert (await lab.make(picture("PNG"))).status == "made"
    process = lab.thumbnailer._process
    assert process is not None
    process.send_signal(signal.SIGKILL)
    assert (await lab.make(picture("PNG"))).status == "made"


def _attempt(code: str) -> str:
    script = (
        "import os, socket, sys\n"
        "from timserver.media import lockdown\n"
        "lockdown.enter(memory_bytes=256 << 20, cpu_s=5, wall_s=5, file_bytes=1000)\n"
        f"try:\n    {code}\nexcept OSError as error:\n    os.write(1, str(error.errno).encode())\n"
        "else:\n    os.write(1, b'done')\n"
        "os._exit(0)"
    )
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=30, check=True
    ).stdout.decode()


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd')",
        "open('/tmp/x', 'w')",
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
        "os.unlink('/tmp/x')",
        "os.setuid(0)",
    ],
)
def test_after_the_lock_down_nothing_can_be_reached(code: str) -> None:
    assert _attempt(code) == "1"


def test_after_the_lock_down_reading_and_memory_remain() -> None:
    assert _attempt("assert len(os.read(0, 1)) == 0; bytearray(50 << 20)") == "done"


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ((1, 1, Method.CROP), (32, 32, Method.CROP)),
        ((33, 33, Method.CROP), (96, 96, Method.CROP)),
        ((1000, 1000, Method.CROP), (1600, 1200, Method.SCALE)),
        ((40, 30, Method.CROP), (96, 96, Method.SCALE)),
        ((320, 240, Method.SCALE), (320, 240, Method.SCALE)),
        ((320, 241, Method.SCALE), (640, 480, Method.SCALE)),
        ((10**9, 1, Method.SCALE), (65_535, 65_535, Method.SCALE)),
    ],
)
def test_few_sizes_serve_all_wishes(wish: tuple[int, int, Method], expected: tuple[int, int, Method]) -> None:
    job = job_for(*wish, animated=False, limits=Limits())
    assert (job.width, job.height, job.method) == expected
