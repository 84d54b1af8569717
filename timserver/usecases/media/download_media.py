"""Find a file to send."""

from timserver.context import Context
from timserver.tenancy import Tenant
from timserver.usecases.media.stored_file import Source, StoredFile, stored_file, wait_for_media


async def download_media(ctx: Context, tenant: Tenant, source: Source) -> StoredFile:
    """The file as it was uploaded. Raises what `wait_for_media` raises."""
    return stored_file(ctx, tenant, await wait_for_media(ctx, tenant, source))
