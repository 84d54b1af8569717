"""`/_matrix/media`: upload, and the old paths of download, which need no token.

The old paths serve a tenant of the TI-Messenger, as gematik demands (A_26263), and others by the setting
`media.legacy_paths`; else they know no media, as the spec's "freeze" wants it.
"""

from typing import Annotated

import msgspec

from timserver.api.client.media_files import (
    ConfigResponse,
    MediaRequest,
    PreviewRequest,
    ThumbnailRequest,
    file_answer,
    source_of,
    thumbnail_answer,
    wish_of,
)
from timserver.api.endpoint import (
    Answer,
    Auth,
    BodyStream,
    Empty,
    JsonBody,
    Path,
    Query,
    RawBody,
    Request,
    endpoint,
)
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.tenancy import Requester, Tenant, Variant
from timserver.usecases.media.create_media import create_media
from timserver.usecases.media.download_media import download_media
from timserver.usecases.media.download_thumbnail import download_thumbnail
from timserver.usecases.media.fill_media import fill_media
from timserver.usecases.media.preview_url import preview_url
from timserver.usecases.media.received_file import Upload
from timserver.usecases.media.upload_media import upload_media


class UploadContentRequest(Request, frozen=True, kw_only=True):
    """A file."""

    body: Annotated[BodyStream, RawBody()]
    filename: Annotated[str | None, Query("filename")] = None


class UploadContentToMXCRequest(UploadContentRequest, frozen=True, kw_only=True):
    """A file for an announced media id."""

    server_name: Annotated[ServerName, Path("serverName")]
    media_id: Annotated[str, Path("mediaId")]


class UploadContentResponse(msgspec.Struct, frozen=True):
    """Where the file is now."""

    content_uri: str


class CreateContentResponse(msgspec.Struct, frozen=True):
    """Where the file will be, and until when (milliseconds since 1970) it must have come."""

    content_uri: str
    unused_expires_at: int


class GetContentRequest(MediaRequest, frozen=True, kw_only=True):
    """A file, by an old path."""

    allow_remote: Annotated[bool, Query("allow_remote")] = True
    allow_redirect: Annotated[bool, Query("allow_redirect")] = False


class GetContentOverrideNameRequest(GetContentRequest, frozen=True, kw_only=True):
    """A file under another name, by an old path."""

    file_name: Annotated[str, Path("fileName")]


class GetContentThumbnailRequest(ThumbnailRequest, frozen=True, kw_only=True):
    """A thumbnail, by an old path."""

    allow_remote: Annotated[bool, Query("allow_remote")] = True
    allow_redirect: Annotated[bool, Query("allow_redirect")] = False


@endpoint("POST", "/_matrix/media/v3/upload", "/_matrix/media/r0/upload", rate=RateKind.MEDIA, waits=True)
async def upload_content(
    ctx: Context, tenant: Tenant, requester: Requester, request: UploadContentRequest
) -> UploadContentResponse:
    """POST /_matrix/media/v3/upload.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav3upload
    """
    return UploadContentResponse(await upload_media(ctx, tenant, requester, _upload_of(request)))


@endpoint("POST", "/_matrix/media/v1/create", rate=RateKind.MEDIA)
async def create_content(ctx: Context, tenant: Tenant, requester: Requester) -> CreateContentResponse:
    """POST /_matrix/media/v1/create.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav1create
    """
    announced = await create_media(ctx, tenant, requester)
    return CreateContentResponse(announced.content_uri, announced.expires_ts)


@endpoint("PUT", "/_matrix/media/v3/upload/{serverName}/{mediaId}", rate=RateKind.MEDIA, waits=True)
async def upload_content_to_mxc(
    ctx: Context, tenant: Tenant, requester: Requester, request: UploadContentToMXCRequest
) -> Empty:
    """PUT /_matrix/media/v3/upload/{serverName}/{mediaId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixmediav3uploadservernamemediaid
    """
    await fill_media(ctx, tenant, requester, request.server_name, request.media_id, _upload_of(request))
    return Empty()


@endpoint(
    "GET",
    "/_matrix/media/v3/download/{serverName}/{mediaId}",
    "/_matrix/media/r0/download/{serverName}/{mediaId}",
    "/_matrix/media/v1/download/{serverName}/{mediaId}",
    auth=Auth.NONE,
)
async def get_content(ctx: Context, tenant: Tenant, request: GetContentRequest) -> Answer:
    """GET /_matrix/media/v3/download/{serverName}/{mediaId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixmediav3downloadservernamemediaid
    """
    _check_old_paths_serve(ctx, tenant)
    file = await download_media(ctx, tenant, source_of(request, None, allow_remote=request.allow_remote))
    return file_answer(request, file)


@endpoint(
    "GET",
    "/_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}",
    "/_matrix/media/r0/download/{serverName}/{mediaId}/{fileName}",
    "/_matrix/media/v1/download/{serverName}/{mediaId}/{fileName}",
    auth=Auth.NONE,
)
async def get_content_override_name(
    ctx: Context, tenant: Tenant, request: GetContentOverrideNameRequest
) -> Answer:
    """GET /_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixmediav3downloadservernamemediaidfilename
    """
    _check_old_paths_serve(ctx, tenant)
    file = await download_media(ctx, tenant, source_of(request, None, allow_remote=request.allow_remote))
    return file_answer(request, file, request.file_name)


@endpoint(
    "GET",
    "/_matrix/media/v3/thumbnail/{serverName}/{mediaId}",
    "/_matrix/media/r0/thumbnail/{serverName}/{mediaId}",
    "/_matrix/media/v1/thumbnail/{serverName}/{mediaId}",
    auth=Auth.NONE,
)
async def get_content_thumbnail(ctx: Context, tenant: Tenant, request: GetContentThumbnailRequest) -> Answer:
    """GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixmediav3thumbnailservernamemediaid
    """
    _check_old_paths_serve(ctx, tenant)
    wish = wish_of(request)
    file = await download_thumbnail(
        ctx, tenant, source_of(request, None, allow_remote=request.allow_remote), wish
    )
    return thumbnail_answer(request, file)


@endpoint("GET", "/_matrix/media/v3/config", "/_matrix/media/r0/config")
async def get_config(ctx: Context, tenant: Tenant, requester: Requester) -> ConfigResponse:
    """GET /_matrix/media/v3/config.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixmediav3config
    """
    return ConfigResponse(ctx.settings.media.upload_bytes_max)


def _check_old_paths_serve(ctx: Context, tenant: Tenant) -> None:
    if tenant.variant is Variant.OFF and not ctx.settings.media.legacy_paths:
        raise errors.NotFound("Media not found")


def _upload_of(request: UploadContentRequest) -> Upload:
    body = request.body
    return Upload(
        chunks=body.chunks,
        content_type=body.content_type,
        file_name=request.filename,
        length_bytes=body.length_bytes,
    )


@endpoint("GET", "/_matrix/media/v3/preview_url", rate=RateKind.READ)
async def get_url_preview(
    ctx: Context, tenant: Tenant, requester: Requester, request: PreviewRequest
) -> JsonBody:
    """GET /_matrix/media/v3/preview_url.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixmediav3preview_url
    """
    return await preview_url(ctx, tenant, requester, request.url)
