"""Real files in a temporary directory; seeded ids."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from timserver.clock import SystemIds
from timserver.matrix.ids import ServerName
from timserver.media.blobs import BATCH_BYTES, BlobName, Blobs, BlobTooLarge
from timserver.tenancy import Tenant, TenantSettings, Variant


def tenant(tenant_id: int) -> Tenant:
    return Tenant(
        tenant_id=tenant_id,
        server_name=ServerName(f"t{tenant_id}.example"),
        variant=Variant.OFF,
        tim_version="1.1",
        settings=TenantSettings(),
    )


PRACTICE, HOSPITAL = tenant(1), tenant(2)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def broken() -> AsyncIterator[bytes]:
    yield b"x" * BATCH_BYTES
    raise ConnectionResetError


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path, SystemIds())


async def test_what_is_written_is_there_and_known_by_size_and_hash(blobs: Blobs, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    blob = await blobs.write(PRACTICE, chunks(content[:70_000], content[70_000:]), len(content))
    assert blobs.path(PRACTICE, blob.name).read_bytes() == content
    assert (blob.size_bytes, blob.sha256) == (len(content), hashlib.sha256(content).digest())
    assert files(tmp_path) == [blobs.path(PRACTICE, blob.name)]


async def test_an_empty_stream_is_an_empty_file(blobs: Blobs) -> None:
    blob = await blobs.write(PRACTICE, chunks(), 10)
    assert blobs.path(PRACTICE, blob.name).read_bytes() == b""


async def test_the_limit_is_exact_and_leaves_nothing_behind(blobs: Blobs, tmp_path: Path) -> None:
    await blobs.write(PRACTICE, chunks(b"12345"), 5)
    with pytest.raises(BlobTooLarge):
        await blobs.write(PRACTICE, chunks(b"123", b"456"), 5)
    assert len(files(tmp_path)) == 1


async def test_a_stream_that_breaks_leaves_nothing_behind(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError):
        await blobs.write(PRACTICE, broken(), 10 * BATCH_BYTES)
    assert files(tmp_path) == []


async def test_tenants_have_folders_of_their_own(blobs: Blobs, tmp_path: Path) -> None:
    ours = await blobs.write(PRACTICE, chunks(b"same"), 10)
    theirs = await blobs.write(HOSPITAL, chunks(b"same"), 10)
    assert not blobs.path(HOSPITAL, ours.name).exists()
    await blobs.delete_all(PRACTICE)
    assert files(tmp_path) == [blobs.path(HOSPITAL, theirs.name)]


async def test_deleting_twice_is_no_error(blobs: Blobs, tmp_path: Path) -> None:
    blob = await blobs.write(PRACTICE, chunks(b"x"), 10)
    await blobs.delete(PRACTICE, blob.name)
    await blobs.delete(PRACTICE, blob.name)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", "", "a" * 31, "A" * 32, "a" * 32 + "\n", "a/" * 16]
)
def test_a_name_that_is_not_ours_reaches_no_path(blobs: Blobs, name: str) -> None:
    with pytest.raises(AssertionError):
        blobs.path(PRACTICE, BlobName(name))


async def test_sweep_removes_what_a_crash_left(blobs: Blobs, tmp_path: Path) -> None:
    async with blobs.incoming(PRACTICE) as incoming:
        left = incoming.path
    left.write_bytes(b"half")
    kept = await blobs.write(PRACTICE, chunks(b"whole"), 10)
    written_ms = left.stat().st_mtime_ns // 1_000_000
    assert await blobs.sweep(PRACTICE, written_ms) == 0
    assert await blobs.sweep(PRACTICE, written_ms + 1) == 1
    assert files(tmp_path) == [blobs.path(PRACTICE, kept.name)]
