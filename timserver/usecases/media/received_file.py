"""From a stream to a file on the disk and the row that is to be written for it: shared by both ways of upload."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.media import sniff
from timserver.media.blobs import BlobTooLarge
from timserver.store.media import MediaRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.media.disk import disk_errors


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What a client sends."""

    chunks: AsyncIterator[bytes]
    content_type: str | None
    file_name: str | None
    length_bytes: int | None
    """What the client says; None when it does not say."""


@asynccontextmanager
async def received(
    ctx: Context, tenant: Tenant, requester: Requester, media_id: str, upload: Upload
) -> AsyncIterator[MediaRow]:
    """Write the stream to the disk. The block writes the row; when it is refused, the bytes go again.

    Raises `TooLarge`, before anything is read if the client says the length; `Unavailable` when the disk is full (R8).
    """
    size_bytes_max = ctx.settings.media.upload_bytes_max
    too_large = errors.TooLarge(f"Cannot upload files larger than {size_bytes_max} bytes")
    if (upload.length_bytes or 0) > size_bytes_max:
        raise too_large
    try:
        with disk_errors():
            blob = await ctx.media.blobs.write(tenant, upload.chunks, size_bytes_max)
    except BlobTooLarge:
        raise too_large from None
    now_ms = ctx.clock.now_ms()
    try:
        yield MediaRow(
            media_id=media_id,
            uploader_nid=requester.user_nid,
            blob=blob.name,
            content_type=sniff.clean_content_type(upload.content_type),
            file_name=sniff.clean_file_name(upload.file_name),
            size_bytes=blob.size_bytes,
            sha256=blob.sha256,
            created_ts=now_ms,
            expires_ts=None,
            access_ts=now_ms,
        )
    except errors.Unavailable:
        raise  # the row may be there: a file without a row is the lesser evil, `sweep_media` finds it
    except errors.MatrixError:
        await ctx.media.blobs.delete(tenant, blob.name)
        raise
