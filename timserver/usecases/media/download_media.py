"""Find a file to send."""

from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant
from timserver.usecases.media.stored_file import StoredFile, stored_file, wait_for_media


async def download_media(
    ctx: Context, tenant: Tenant, server_name: ServerName, media_id: str, timeout_ms: int
) -> StoredFile:
    """The file as it was uploaded. Raises `NotFound`, `NotYetUploaded`."""
    row = await wait_for_media(ctx, tenant, server_name, media_id, timeout_ms)
    return stored_file(ctx, tenant, row)
