"""What stands behind a web address that a user saw in a message.

The server goes where users send it: by the one fetcher, which no spelling brings to a blocked address; and it says the
same of all addresses that answer nothing. Tenants of the TI-Messenger have no previews.

Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediapreview_url
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import msgspec
import structlog
from yarl import URL

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.json_types import JsonValue
from timserver.media import open_graph, sniff
from timserver.media.blobs import BlobName
from timserver.media.thumbnail_job import Job, Method, Outcome
from timserver.remote.errors import RemoteError
from timserver.remote.web import WebPage, fetch_page
from timserver.store import media
from timserver.store.media import MediaRow
from timserver.tenancy import Requester, Tenant, Variant
from timserver.usecases.media.download_thumbnail import picture_limits
from timserver.usecases.media.received_file import Upload, received

URL_LENGTH_MAX: Final = 2_048
_LIFE_S: Final = 3_600
_DAY_MS: Final = 24 * 60 * 60 * 1000
_SIDE_MAX: Final = 100_000
"""No picture that is decoded has a longer one: as a thumbnail of this size it stays as it is."""
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})

Preview = dict[str, JsonValue]

_log = structlog.get_logger("timserver.media")


async def preview_url(ctx: Context, tenant: Tenant, requester: Requester, url: str) -> Preview:
    """Open Graph properties; none for what is neither page nor picture. A message with an address comes to many at the
    same moment: of those who ask one looks.

    Raises `Unrecognized` where there are no previews, `InvalidParam` for what is no address of the web, `Unknown` with
    status 502 when there is no proper answer.
    """
    if not ctx.settings.media.url_previews or tenant.variant is not Variant.OFF:
        raise errors.Unrecognized()
    target = _web_url(url)
    key = (tenant.tenant_id, str(target))
    previews = ctx.caches.previews

    async def look() -> None:
        now_s = ctx.clock.monotonic_s()
        async with previews.slots:
            previews.seen.put(key, (now_s, await _preview(ctx, tenant, requester, target)))

    while True:
        known = previews.seen.get(key)
        if known is not None and ctx.clock.monotonic_s() - known[0] < _LIFE_S:
            return known[1]
        await previews.running.share(key, tenant.tenant_id, look)


def _web_url(text: str) -> URL:
    """Raises `InvalidParam`."""
    try:
        url = URL(text) if len(text) <= URL_LENGTH_MAX else URL()
        is_web = url.scheme in ("http", "https") and bool(url.host) and url.user is None and bool(url.port)
    except ValueError:
        is_web = False
    if not is_web:
        raise errors.InvalidParam("url must be an address of the web")
    return url.with_fragment(None)


async def _preview(ctx: Context, tenant: Tenant, requester: Requester, url: URL) -> Preview:
    limits = ctx.settings.limits
    try:
        page = await _fetch(ctx, tenant, url, bytes_max=limits.preview_page_bytes_max, cut=True)
    except RemoteError as error:
        _log.info("no preview", status=error.status, blocked=error.denied)
        raise errors.Unknown("That address gives no proper answer", status=502) from None
    if sniff.sniff_picture(page.body[: sniff.MAGIC_BYTES]):
        return await _picture(ctx, tenant, requester, url)
    if page.content_type.partition(";")[0].strip().lower() not in _PAGES:
        return {}
    properties = open_graph.read_page(page.body, page.content_type)
    image = properties.get("og:image") or properties.get("og:image:url")
    preview: Preview = {
        name: value for name, value in properties.items() if name.partition(":image")[0] != "og"
    }
    if image:
        with suppress(errors.InvalidParam, ValueError):
            preview |= await _picture(ctx, tenant, requester, _web_url(str(URL(page.url).join(URL(image)))))
    return preview


async def _fetch(ctx: Context, tenant: Tenant, url: URL, *, bytes_max: int, cut: bool = False) -> WebPage:
    timeout_s = ctx.settings.limits.preview_s_max
    return await fetch_page(ctx.remote, tenant, str(url), bytes_max=bytes_max, timeout_s=timeout_s, cut=cut)


async def _picture(ctx: Context, tenant: Tenant, requester: Requester, url: URL) -> Preview:
    """The properties of a picture that is kept here for a while; nothing for what is none."""
    settings = ctx.settings
    bytes_max = min(settings.limits.preview_picture_bytes_max, settings.media.upload_bytes_max)
    try:
        file = await _fetch(ctx, tenant, url, bytes_max=bytes_max)
    except RemoteError as error:
        _log.info("no picture for a preview", status=error.status, blocked=error.denied)
        return {}
    kind = sniff.sniff_picture(file.body[: sniff.MAGIC_BYTES])
    if kind is None:
        return {}
    upload = Upload(chunks=_once(file.body), content_type=kind, file_name=None, length_bytes=len(file.body))
    try:
        async with received(ctx, tenant, requester, ctx.ids.opaque(24), upload) as row:
            seen = await _measured(ctx, tenant, row)
            days = settings.media.preview_days_kept
            kept = msgspec.structs.replace(row, expires_ts=row.created_ts + days * _DAY_MS)
            async with ctx.database.transaction(tenant) as conn:
                await media.insert_media(conn, tenant, kept)
    except _NoPicture:
        return {}
    return {
        "og:image": f"mxc://{tenant.server_name}/{row.media_id}",
        "og:image:type": kind,
        "og:image:width": seen.width,
        "og:image:height": seen.height,
        "matrix:image:size": row.size_bytes,
    }


class _NoPicture(errors.NotFound):
    """The file is broken, or larger than what is decoded."""


async def _measured(ctx: Context, tenant: Tenant, row: MediaRow) -> Outcome:
    """The size of a picture, as the locked-down child sees it. Raises `_NoPicture`."""
    assert row.blob is not None
    limits = picture_limits(ctx.settings.limits)
    job = Job(width=_SIDE_MAX, height=_SIDE_MAX, method=Method.SCALE, animated=True, limits=limits)
    blobs = ctx.media.blobs
    async with blobs.incoming(tenant) as unused:
        seen = await ctx.media.thumbnailer.make(job, blobs.path(tenant, BlobName(row.blob)), unused.file)
    if not seen.width:
        raise _NoPicture
    return seen


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
