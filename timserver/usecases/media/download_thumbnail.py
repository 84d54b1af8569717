"""Find a thumbnail to send; make it when it is wanted for the first time.

Spec: https://spec.matrix.org/v1.19/client-server-api/#thumbnails
"""

import asyncio
import os
from pathlib import Path

import msgspec

from timserver.config import Limits as ProcessLimits
from timserver.context import Context
from timserver.matrix import errors
from timserver.media import sniff, thumbnail_sizes
from timserver.media.blobs import BlobName
from timserver.media.thumbnail_job import UNAVAILABLE, Job, Limits, Method
from timserver.store import media
from timserver.store.media import MediaRow, ThumbnailRow
from timserver.tenancy import Tenant
from timserver.usecases.media.stored_file import Source, StoredFile, stored_file, wait_for_media


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the client asks for; sizes in pixels."""

    width: int
    height: int
    method: Method
    animated: bool


async def download_thumbnail(ctx: Context, tenant: Tenant, source: Source, wish: Wish) -> StoredFile:
    """The thumbnail, or the picture itself when it is not larger than wanted; of another server's picture made here.

    Raises what `wait_for_media` raises, `TooLarge`, and `Unknown` with status 400 for what is no picture.
    """
    row = await wait_for_media(ctx, tenant, source)
    limits = ctx.settings.limits
    job = thumbnail_sizes.job_for(wish.width, wish.height, wish.method, wish.animated, picture_limits(limits))
    async with ctx.database.transaction(tenant) as conn:
        found = await media.find_thumbnail(conn, tenant, row.media_id, thumbnail_sizes.variant_of(job))
    if found is None:
        found = await _make(ctx, tenant, row, job)
    original = stored_file(ctx, tenant, row)
    if found.outcome == "original":
        return msgspec.structs.replace(original, content_type=found.content_type)
    if found.outcome == "too_large":
        raise errors.TooLarge("Content is too large to thumbnail")
    if found.blob is None:
        raise errors.Unknown("Cannot generate thumbnails for the requested content", status=400)
    return StoredFile(
        path=ctx.media.blobs.path(tenant, BlobName(found.blob)),
        size_bytes=found.size_bytes,
        content_type=found.content_type,
        file_name=f"thumbnail.{found.content_type.partition('/')[2]}",
        version=found.blob,
    )


def picture_limits(limits: ProcessLimits) -> Limits:
    """What decoding one picture may cost."""
    return Limits(
        memory_bytes_max=limits.thumbnail_memory_bytes_max,
        cpu_s_max=limits.thumbnail_s_max,
        wall_s_max=4 * limits.thumbnail_s_max,
        pixels_max=limits.thumbnail_pixels_max,
    )


async def _make(ctx: Context, tenant: Tenant, row: MediaRow, job: Job) -> ThumbnailRow:
    """Decode, keep the result, note the outcome. What was refused once is not tried again."""
    blobs = ctx.media.blobs
    source = stored_file(ctx, tenant, row).path
    made = ThumbnailRow(row.media_id, thumbnail_sizes.variant_of(job), "failed", "", 0, None)
    if row.size_bytes > ctx.settings.limits.thumbnail_bytes_max:
        made = msgspec.structs.replace(made, outcome="too_large")
    elif sniff.sniff_picture(await asyncio.to_thread(_head, source)) is not None:
        async with blobs.incoming(tenant) as incoming:
            outcome = await ctx.media.thumbnailer.make(job, source, incoming.file)
            if outcome == UNAVAILABLE:
                raise errors.Unavailable(inner="thumbnail: no child, no time or no disk")
            made = msgspec.structs.replace(made, outcome=outcome.status, content_type=outcome.content_type)
            if outcome.status == "made":
                size_bytes = os.fstat(incoming.file.fileno()).st_size
                blob = await blobs.keep(tenant, incoming)
                made = msgspec.structs.replace(made, size_bytes=size_bytes, blob=blob)
    return await _note(ctx, tenant, made)


async def _note(ctx: Context, tenant: Tenant, made: ThumbnailRow) -> ThumbnailRow:
    """Write the outcome. If somebody else was faster, theirs stands and our file goes."""
    async with ctx.database.transaction(tenant) as conn:
        if await media.insert_thumbnail(conn, tenant, made):
            return made
        theirs = await media.find_thumbnail(conn, tenant, made.media_id, made.variant)
    if made.blob is not None:
        await ctx.media.blobs.delete(tenant, BlobName(made.blob))
    if theirs is None:
        raise errors.NotFound("Media not found")
    return theirs


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(sniff.MAGIC_BYTES)
