"""Bytes of uploaded files below one root directory, under random names of our own.

    <root>/<tenant_id>/<first two characters>/<32 hex characters>     a complete file, never changed again
    <root>/<tenant_id>/incoming/<32 hex characters>                   being written

Nothing a client or server says becomes part of a path (RELIABILITY M1). A tenant's files lie in its own folder, and
equal contents of two tenants are two files (MED-1: no cross-tenant dedupe). A file gets its name when it is written,
and a caller gets the name when it is on the disk; what a crash leaves behind is found by `sweep` and `names`.
"""

import asyncio
import errno
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, NewType

import msgspec

from timserver.clock import IdSource
from timserver.tenancy import Tenant

BlobName = NewType("BlobName", str)

BATCH_BYTES = 1024 * 1024
"""What is gathered in memory before a thread hashes and writes it."""
_BUFFERS_MAX = 1000
"""At most so many pieces go into one call of `writev` (the system's limit is 1024)."""
_NAME = re.compile(r"[0-9a-f]{32}\Z")


class Blob(msgspec.Struct, frozen=True):
    """A stored file."""

    name: BlobName
    size_bytes: int
    sha256: bytes


class Incoming(msgspec.Struct, frozen=True):
    """A file that is being written."""

    path: Path
    file: BinaryIO


class BlobTooLarge(Exception):
    """The stream is longer than allowed; nothing was kept."""


class Blobs:
    """The directory of all tenants' files."""

    def __init__(self, root: Path, ids: IdSource) -> None:
        self._root = root
        self._ids = ids

    def path(self, tenant: Tenant, name: BlobName) -> Path:
        """Where a complete file lies. The name must be one that `write` or `keep` gave."""
        assert _NAME.match(name), "a blob name is never made from outside text"
        return self._root / str(tenant.tenant_id) / name[:2] / name

    async def write(self, tenant: Tenant, chunks: AsyncIterator[bytes], size_bytes_max: int) -> Blob:
        """Store a stream, holding `BATCH_BYTES` at most in memory. On the disk when this returns.

        Raises `BlobTooLarge` as soon as the stream exceeds the limit; no trace remains of a stream that fails.
        """
        digest, size_bytes = hashlib.sha256(), 0
        async with self.incoming(tenant) as incoming:
            async for batch, batch_bytes in _batches(chunks):
                size_bytes += batch_bytes
                if size_bytes > size_bytes_max:
                    raise BlobTooLarge
                await asyncio.to_thread(_append, incoming.file, digest, batch)
            name = await self.keep(tenant, incoming)
        return Blob(name=name, size_bytes=size_bytes, sha256=digest.digest())

    @asynccontextmanager
    async def incoming(self, tenant: Tenant) -> AsyncIterator[Incoming]:
        """A new file to write into; gone at the end of the block unless it was kept."""
        path = self._root / str(tenant.tenant_id) / "incoming" / self._ids.secret(16).hex()
        file = await asyncio.to_thread(_create, path)
        try:
            with file:
                yield Incoming(path, file)
        finally:
            path.unlink(missing_ok=True)

    async def keep(self, tenant: Tenant, incoming: Incoming) -> BlobName:
        """Make a blob of a completely written file; on the disk when this returns."""
        name = BlobName(incoming.path.name)
        await asyncio.to_thread(_complete, incoming, self.path(tenant, name))
        return name

    async def delete(self, tenant: Tenant, name: BlobName) -> None:
        """Remove a file; one that is gone already is no error."""
        await asyncio.to_thread(self.path(tenant, name).unlink, missing_ok=True)

    async def delete_all(self, tenant: Tenant) -> None:
        """Remove every file of a tenant."""
        folder = self._root / str(tenant.tenant_id)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def sweep(self, tenant: Tenant, before_ms: int) -> int:
        """Remove unfinished files last written before `before_ms`; says how many."""
        old = await asyncio.to_thread(_older, self._root / str(tenant.tenant_id) / "incoming", before_ms)
        for path in old:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        return len(old)

    async def names(self, tenant: Tenant, before_ms: int) -> AsyncIterator[list[BlobName]]:
        """Complete files last written before `before_ms`, in batches that fit into memory: one per folder."""
        for folder in await asyncio.to_thread(_folders, self._root / str(tenant.tenant_id)):
            if names := [BlobName(path.name) for path in await asyncio.to_thread(_older, folder, before_ms)]:
                yield names


async def _batches(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[list[bytes], int]]:
    """Chunks gathered to about `BATCH_BYTES`, uncopied, and their size together."""
    gathered: list[bytes] = []
    size_bytes = 0
    async for chunk in chunks:
        gathered.append(chunk)
        size_bytes += len(chunk)
        if size_bytes >= BATCH_BYTES or len(gathered) == _BUFFERS_MAX:
            yield gathered, size_bytes
            gathered, size_bytes = [], 0
    if size_bytes:
        yield gathered, size_bytes


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.open("xb", buffering=0)


def _append(file: BinaryIO, digest: "hashlib._Hash", batch: list[bytes]) -> None:
    size_bytes = 0
    for chunk in batch:
        digest.update(chunk)
        size_bytes += len(chunk)
    if os.writev(file.fileno(), batch) != size_bytes:
        raise OSError(errno.ENOSPC, "disk full")


def _complete(incoming: Incoming, final: Path) -> None:
    """Rename first: then one commit of the file system's journal holds the bytes, the name and the directory."""
    final.parent.mkdir(mode=0o700, exist_ok=True)
    incoming.path.rename(final)
    os.fsync(incoming.file.fileno())
    _sync_directory(final.parent)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _folders(root: Path) -> list[Path]:
    return [path for path in root.glob("??") if path.is_dir()]


def _older(folder: Path, before_ms: int) -> list[Path]:
    return [path for path in folder.glob("*") if path.stat().st_mtime_ns // 1_000_000 < before_ms]
