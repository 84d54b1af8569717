"""`/_matrix/client/v1/media`: media for who has a token (A_26262)."""

from typing import Annotated

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
from timserver.api.endpoint import Answer, JsonBody, Path, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.tenancy import Requester, Tenant
from timserver.usecases.media.download_media import download_media
from timserver.usecases.media.download_thumbnail import download_thumbnail
from timserver.usecases.media.preview_url import preview_url


class GetContentOverrideNameAuthedRequest(MediaRequest, frozen=True, kw_only=True):
    """A file under another name."""

    file_name: Annotated[str, Path("fileName")]


@endpoint("GET", "/_matrix/client/v1/media/download/{serverName}/{mediaId}")
async def get_content_authed(
    ctx: Context, tenant: Tenant, requester: Requester, request: MediaRequest
) -> Answer:
    """GET /_matrix/client/v1/media/download/{serverName}/{mediaId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid
    """
    file = await download_media(ctx, tenant, source_of(request, requester))
    return file_answer(request, file)


@endpoint("GET", "/_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}")
async def get_content_override_name_authed(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetContentOverrideNameAuthedRequest
) -> Answer:
    """GET /_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaidfilename
    """
    file = await download_media(ctx, tenant, source_of(request, requester))
    return file_answer(request, file, request.file_name)


@endpoint("GET", "/_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}")
async def get_content_thumbnail_authed(
    ctx: Context, tenant: Tenant, requester: Requester, request: ThumbnailRequest
) -> Answer:
    """GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediathumbnailservernamemediaid
    """
    wish = wish_of(request)
    file = await download_thumbnail(ctx, tenant, source_of(request, requester), wish)
    return thumbnail_answer(request, file)


@endpoint("GET", "/_matrix/client/v1/media/config")
async def get_config_authed(ctx: Context, tenant: Tenant, requester: Requester) -> ConfigResponse:
    """GET /_matrix/client/v1/media/config.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediaconfig
    """
    return ConfigResponse(ctx.settings.media.upload_bytes_max)


@endpoint("GET", "/_matrix/client/v1/media/preview_url", rate=RateKind.READ)
async def get_url_preview_authed(
    ctx: Context, tenant: Tenant, requester: Requester, request: PreviewRequest
) -> JsonBody:
    """GET /_matrix/client/v1/media/preview_url.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediapreview_url
    """
    return await preview_url(ctx, tenant, requester, request.url)
