"""`/media/download` and `/media/thumbnail`: files of this server for others, in an envelope of two parts.

Only our own: what is kept of other servers' files is for the users here (RELIABILITY M4).
"""

from typing import Annotated

from timserver.api.endpoint import Answer, Auth, FileBody, Path, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.media import sniff
from timserver.media.thumbnail_job import Method
from timserver.tenancy import Tenant
from timserver.usecases.media.download_media import download_media
from timserver.usecases.media.download_thumbnail import Wish, download_thumbnail
from timserver.usecases.media.stored_file import Source, StoredFile


class GetContentRequest(Request, frozen=True, kw_only=True):
    """Which file."""

    media_id: Annotated[str, Path("mediaId")]
    timeout_ms: Annotated[int, Query("timeout_ms")] = 20_000


class GetContentThumbnailRequest(GetContentRequest, frozen=True, kw_only=True):
    """A thumbnail; sizes in pixels."""

    width: Annotated[int, Query("width")]
    height: Annotated[int, Query("height")]
    method: Annotated[Method, Query("method")] = Method.SCALE
    animated: Annotated[bool, Query("animated")] = False


@endpoint("GET", "/_matrix/federation/v1/media/download/{mediaId}", auth=Auth.SERVER)
async def get_content(ctx: Context, tenant: Tenant, origin: ServerName, request: GetContentRequest) -> Answer:
    """GET /_matrix/federation/v1/media/download/{mediaId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediadownloadmediaid
    """
    return _enveloped(ctx, await download_media(ctx, tenant, _source(tenant, request)))


@endpoint("GET", "/_matrix/federation/v1/media/thumbnail/{mediaId}", auth=Auth.SERVER)
async def get_content_thumbnail(
    ctx: Context, tenant: Tenant, origin: ServerName, request: GetContentThumbnailRequest
) -> Answer:
    """GET /_matrix/federation/v1/media/thumbnail/{mediaId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1mediathumbnailmediaid
    """
    if request.width < 1 or request.height < 1:
        raise errors.InvalidParam("Width and height must be positive")
    wish = Wish(width=request.width, height=request.height, method=request.method, animated=request.animated)
    return _enveloped(ctx, await download_thumbnail(ctx, tenant, _source(tenant, request), wish))


def _source(tenant: Tenant, request: GetContentRequest) -> Source:
    return Source(
        server_name=tenant.server_name,
        media_id=request.media_id,
        timeout_ms=request.timeout_ms,
        allow_remote=False,
    )


def _enveloped(ctx: Context, file: StoredFile) -> Answer:
    """An empty JSON object and the file. Both names in its headers are cleaned (`media.sniff`)."""
    boundary = ctx.ids.opaque(32)
    disposition = sniff.disposition(file.content_type, file.file_name)
    before = (
        f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n"
        f"--{boundary}\r\nContent-Type: {file.content_type}\r\nContent-Disposition: {disposition}\r\n\r\n"
    )
    body = FileBody(
        path=str(file.path),
        offset_bytes=0,
        size_bytes=file.size_bytes,
        before=before.encode(),
        after=f"\r\n--{boundary}--\r\n".encode(),
    )
    return Answer(headers={"Content-Type": f"multipart/mixed; boundary={boundary}"}, file=body)
