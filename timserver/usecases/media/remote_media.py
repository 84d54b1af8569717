"""Step: a file of another server, fetched once and then kept like our own (RELIABILITY M1, M4).

It is streamed to the disk with a limit, and gets a media id here that nobody learns; what the other server calls it
never becomes part of a path.
"""

import structlog

from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.media import sniff
from timserver.media.blobs import Blob, BlobTooLarge
from timserver.remote.errors import RemoteError
from timserver.remote.federation.content_repository import RemoteFile, get_content
from timserver.store import media, terms
from timserver.store.media import MediaRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.media.disk import disk_errors

_log = structlog.get_logger("timserver.media")


async def remote_media(
    ctx: Context,
    tenant: Tenant,
    requester: Requester | None,
    server_name: ServerName,
    remote_id: str,
    timeout_ms: int,
) -> MediaRow:
    """The row of the file, fetched when it is not here. Fetching counts against the user, or against all who have no
    token. Raises `NotFound`, `NotYetUploaded`, `LimitExceeded`, `Forbidden` by policy, and 502 with `M_TOO_LARGE` or without
    a proper answer.
    """
    (server_nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [server_name])
    known = await _find(ctx, tenant, server_nid, remote_id)
    if known is not None:
        return known
    ctx.caches.rates.take(tenant, RateKind.MEDIA, requester.user_id if requester else "")
    async with ctx.caches.lock(tenant, "media", server_nid, remote_id):
        known = await _find(ctx, tenant, server_nid, remote_id)
        if known is not None:
            return known
        async with ctx.caches.media_slots:
            return await _fetch(ctx, tenant, (server_name, server_nid), remote_id, timeout_ms)


async def _find(ctx: Context, tenant: Tenant, server_nid: int, remote_id: str) -> MediaRow | None:
    async with ctx.database.transaction(tenant) as conn:
        row = await media.find_remote(conn, tenant, server_nid, remote_id)
        if row is not None and row.quarantined:
            raise errors.NotFound("Media not found")
        if row is not None:
            await media.touch_media(conn, tenant, row, ctx.clock.now_ms())
    return row


async def _fetch(
    ctx: Context, tenant: Tenant, server: tuple[ServerName, int], remote_id: str, timeout_ms: int
) -> MediaRow:
    server_name, server_nid = server
    waited_ms = max(0, min(timeout_ms, ctx.settings.limits.media_wait_ms_max))
    idle_s = max(ctx.settings.limits.upload_idle_s_max, waited_ms / 1000 + 5)
    content = get_content(ctx.remote, tenant, server_name, remote_id, timeout_ms=waited_ms, idle_s=idle_s)
    try:
        async with content as file:
            blob = await _write(ctx, tenant, file)
    except RemoteError as error:
        raise _told(error) from error
    return await _keep(ctx, tenant, blob, file, server_nid, remote_id)


async def _write(ctx: Context, tenant: Tenant, file: RemoteFile) -> Blob:
    try:
        with disk_errors():
            return await ctx.media.blobs.write(tenant, file.chunks, ctx.settings.media.remote_bytes_max)
    except BlobTooLarge:
        raise errors.TooLarge("Content is too large to serve", status=502) from None


async def _keep(
    ctx: Context, tenant: Tenant, blob: Blob, file: RemoteFile, server_nid: int, remote_id: str
) -> MediaRow:
    """Write the row. If another process was faster, its file stands and ours goes."""
    now_ms = ctx.clock.now_ms()
    row = MediaRow(
        media_id=ctx.ids.opaque(32),
        uploader_nid=0,
        blob=blob.name,
        content_type=sniff.clean_content_type(file.content_type),
        file_name=sniff.clean_file_name(file.file_name),
        size_bytes=blob.size_bytes,
        sha256=blob.sha256,
        created_ts=now_ms,
        expires_ts=None,
        access_ts=now_ms,
    )
    async with ctx.database.transaction(tenant) as conn:
        if await media.insert_remote(conn, tenant, row, server_nid, remote_id):
            return row
        theirs = await media.find_remote(conn, tenant, server_nid, remote_id)
    await ctx.media.blobs.delete(tenant, blob.name)
    if theirs is None or theirs.quarantined:
        raise errors.NotFound("Media not found")
    return theirs


def _told(error: RemoteError) -> errors.MatrixError:
    inner = f"remote: {error}"
    _log.info("media not fetched", error=str(error))
    if error.denied:
        return errors.Forbidden("That server is not part of the federation", inner=inner)
    if error.errcode == "M_NOT_YET_UPLOADED":
        return errors.NotYetUploaded(inner=inner)
    if error.status == 429:
        return errors.LimitExceeded(retry_after_ms=error.retry_after_ms or 1_000, inner=inner)
    if error.errcode == "M_TOO_LARGE":
        return errors.TooLarge("Content is too large to serve", status=502, inner=inner)
    if error.status is None or 400 <= error.status < 500:
        return errors.NotFound("Media not found", inner=inner)
    return errors.Unknown("That server gives no proper answer", status=502, inner=inner)
