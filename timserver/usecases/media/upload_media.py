"""Upload in one step."""

from timserver.context import Context
from timserver.store import media
from timserver.tenancy import Requester, Tenant
from timserver.usecases.media import received_file
from timserver.usecases.media.received_file import Upload


async def upload_media(ctx: Context, tenant: Tenant, requester: Requester, upload: Upload) -> str:
    """Store the file; its `mxc://` URI. Raises `TooLarge`."""
    media_id = ctx.ids.opaque(24)
    async with (
        received_file.received(ctx, tenant, requester, media_id, upload) as row,
        ctx.database.transaction(tenant) as conn,
    ):
        await media.insert_media(conn, tenant, row)
    return f"mxc://{tenant.server_name}/{media_id}"
