"""What can be served, and waiting for it: shared by download and thumbnail."""

import asyncio
import re
from pathlib import Path

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.media.blobs import BlobName
from timserver.policy import points
from timserver.policy.facts import MediaFacts
from timserver.store import media
from timserver.store.media import MediaRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.media.remote_media import remote_media

_MEDIA_ID = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
_POLL_S_MIN, _POLL_S_MAX = 0.05, 1.0


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that can be sent."""

    path: Path
    size_bytes: int
    content_type: str
    file_name: str | None
    version: str
    """Changes when the bytes change, which they never do under one media id: an ETag."""


def stored_file(ctx: Context, tenant: Tenant, row: MediaRow) -> StoredFile:
    """The uploaded file of a row."""
    assert row.blob is not None
    return StoredFile(
        path=ctx.media.blobs.path(tenant, BlobName(row.blob)),
        size_bytes=row.size_bytes,
        content_type=row.content_type,
        file_name=row.file_name,
        version=row.blob,
    )


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Which file is wanted, by whom (None: somebody without a token), and how long an announced one is waited for."""

    server_name: ServerName
    media_id: str
    requester: Requester | None = None
    timeout_ms: int
    allow_remote: bool = True


async def wait_for_media(ctx: Context, tenant: Tenant, source: Source) -> MediaRow:
    """The row of an uploaded file; waits for one that is only announced, fetches one of another server.

    Raises `NotFound` for what is unknown, quarantined or expired; `NotYetUploaded`; what policy says; what
    `remote_media` says.
    """
    server_name, media_id = source.server_name, source.media_id
    points.check(
        points.ON_MEDIA,
        MediaFacts(
            tenant=tenant,
            federation=federation_list(ctx),
            server_name=server_name,
        ),
    )
    is_local = server_name == tenant.server_name
    if not _MEDIA_ID.match(media_id) or not (is_local or source.allow_remote):
        raise errors.NotFound("Media not found")
    if not is_local:
        return await remote_media(ctx, tenant, source.requester, server_name, media_id, source.timeout_ms)
    wait_s = max(0, min(source.timeout_ms, ctx.settings.limits.media_wait_ms_max)) / 1000
    deadline_s, pause_s = ctx.clock.monotonic_s() + wait_s, _POLL_S_MIN
    while True:
        row = await _find(ctx, tenant, media_id)
        if row.blob is not None:
            return row
        left_s = deadline_s - ctx.clock.monotonic_s()
        if left_s <= 0:
            raise errors.NotYetUploaded
        await asyncio.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * 2, _POLL_S_MAX)


async def _find(ctx: Context, tenant: Tenant, media_id: str) -> MediaRow:
    now_ms = ctx.clock.now_ms()
    async with ctx.database.transaction(tenant) as conn:
        row = await media.find_media(conn, tenant, media_id)
        if row is None or row.quarantined or (row.expires_ts is not None and row.expires_ts <= now_ms):
            raise errors.NotFound("Media not found")
        if row.blob is not None:
            await media.touch_media(conn, tenant, row, now_ms)
    return row
