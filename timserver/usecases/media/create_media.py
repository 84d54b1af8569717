"""Announce a file that is uploaded later."""

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.store import media
from timserver.store.media import MediaRow
from timserver.tenancy import Requester, Tenant


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """A reserved media id."""

    content_uri: str
    expires_ts: int


async def create_media(ctx: Context, tenant: Tenant, requester: Requester) -> Announced:
    """Reserve a media id. Raises `LimitExceeded` when the user has too many without content."""
    limits = ctx.settings.limits
    now_ms = ctx.clock.now_ms()
    expires_ts = now_ms + limits.pending_upload_s_max * 1000
    row = MediaRow(
        media_id=ctx.ids.opaque(24),
        uploader_nid=requester.user_nid,
        blob=None,
        content_type="",
        file_name=None,
        size_bytes=0,
        sha256=None,
        created_ts=now_ms,
        expires_ts=expires_ts,
        access_ts=now_ms,
    )
    async with ctx.database.transaction(tenant) as conn:
        if not await media.announce_media(conn, tenant, row, limits.pending_uploads_per_user_max):
            raise errors.LimitExceeded("Too many uploads announced and not made", retry_after_ms=60_000)
    return Announced(content_uri=f"mxc://{tenant.server_name}/{row.media_id}", expires_ts=expires_ts)
