"""Upload to a media id that was announced."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.store import media
from timserver.store.database import Connection
from timserver.tenancy import Requester, Tenant
from timserver.usecases.media import received_file
from timserver.usecases.media.received_file import Upload


async def fill_media(
    ctx: Context, tenant: Tenant, requester: Requester, server_name: ServerName, media_id: str, upload: Upload
) -> None:
    """Store the file. Raises `NotFound`, `Forbidden`, `CannotOverwriteMedia`, `TooLarge`.

    Checked before the stream is read, and again by the statement that writes: two uploads may race.
    """
    if server_name != tenant.server_name:
        raise errors.NotFound("Unknown media ID")
    async with ctx.database.transaction(tenant) as conn:
        await _check_may_fill(conn, tenant, requester, media_id, ctx.clock.now_ms())
    async with (
        received_file.received(ctx, tenant, requester, media_id, upload) as row,
        ctx.database.transaction(tenant) as conn,
    ):
        if not await media.fill_media(conn, tenant, row):
            await _check_may_fill(conn, tenant, requester, media_id, row.created_ts)
            raise errors.NotFound("Unknown media ID")


async def _check_may_fill(
    conn: Connection, tenant: Tenant, requester: Requester, media_id: str, now_ms: int
) -> None:
    row = await media.find_media(conn, tenant, media_id)
    if row is None or (row.expires_ts is not None and row.expires_ts <= now_ms):
        raise errors.NotFound("Unknown media ID")
    if row.uploader_nid != requester.user_nid:
        raise errors.Forbidden("The media ID was announced by another user")
    if row.blob is not None:
        raise errors.CannotOverwriteMedia
