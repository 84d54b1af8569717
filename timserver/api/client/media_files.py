"""Requests and answers that both media modules share; not an OpenAPI file of its own.

Spec: https://spec.matrix.org/v1.19/client-server-api/#content-repository
"""

from typing import Annotated

import msgspec

from timserver.api import ranges
from timserver.api.endpoint import Answer, FileBody, Header, Path, Query, Request
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.media import sniff
from timserver.media.thumbnail_job import Method
from timserver.tenancy import Requester
from timserver.usecases.media.download_thumbnail import Wish
from timserver.usecases.media.stored_file import Source, StoredFile

_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf;"
        " style-src 'unsafe-inline'; object-src 'self';"
    ),
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class MediaRequest(Request, frozen=True, kw_only=True):
    """One file, or a part of it."""

    server_name: Annotated[ServerName, Path("serverName")]
    media_id: Annotated[str, Path("mediaId")]
    timeout_ms: Annotated[int, Query("timeout_ms")] = 20_000
    range: Annotated[str | None, Header("Range")] = None
    if_range: Annotated[str | None, Header("If-Range")] = None
    if_none_match: Annotated[str | None, Header("If-None-Match")] = None


class ThumbnailRequest(MediaRequest, frozen=True, kw_only=True):
    """A thumbnail; sizes in pixels."""

    width: Annotated[int, Query("width")]
    height: Annotated[int, Query("height")]
    method: Annotated[Method, Query("method")] = Method.SCALE
    animated: Annotated[bool, Query("animated")] = False


class PreviewRequest(Request, frozen=True, kw_only=True):
    """A web address; `ts`, for when, makes no difference: there is one version only."""

    url: Annotated[str, Query("url")]
    ts: Annotated[int | None, Query("ts")] = None


class ConfigResponse(msgspec.Struct, frozen=True):
    """What clients should know before they upload."""

    upload_bytes_max: int = msgspec.field(name="m.upload.size")


def source_of(request: MediaRequest, requester: Requester | None, *, allow_remote: bool = True) -> Source:
    """Which file is asked for, by whom."""
    return Source(
        server_name=request.server_name,
        media_id=request.media_id,
        requester=requester,
        timeout_ms=request.timeout_ms,
        allow_remote=allow_remote,
    )


def wish_of(request: ThumbnailRequest) -> Wish:
    """The wanted thumbnail. Raises `InvalidParam` for sizes that are none."""
    if request.width < 1 or request.height < 1:
        raise errors.InvalidParam("Width and height must be positive")
    return Wish(width=request.width, height=request.height, method=request.method, animated=request.animated)


def file_answer(request: MediaRequest, file: StoredFile, file_name: str | None = None) -> Answer:
    """The file as a download, under its own name or `file_name`."""
    name = sniff.clean_file_name(file_name) or file.file_name
    return _answer(request, file, sniff.disposition(file.content_type, name))


def thumbnail_answer(request: MediaRequest, file: StoredFile) -> Answer:
    """A picture; always inline, as its type is one of ours."""
    assert sniff.may_be_inline(file.content_type)
    return _answer(request, file, sniff.disposition(file.content_type, file.file_name))


def _answer(request: MediaRequest, file: StoredFile, disposition: str) -> Answer:
    etag = f'"{file.version}"'
    stretch = ranges.stretch_of(
        file.size_bytes,
        etag,
        if_none_match=request.if_none_match,
        wanted=request.range,
        if_range=request.if_range,
    )
    headers = {**_HEADERS, "ETag": etag}
    if stretch.status == 304:
        return Answer(status=304, headers=headers)
    if stretch.status == 416:
        headers["Content-Range"] = f"bytes */{file.size_bytes}"
        return Answer(status=416, headers=headers)
    headers |= {"Content-Type": file.content_type, "Content-Disposition": disposition}
    if stretch.status == 206:
        last = stretch.offset_bytes + stretch.size_bytes - 1
        headers["Content-Range"] = f"bytes {stretch.offset_bytes}-{last}/{file.size_bytes}"
    body = FileBody(str(file.path), stretch.offset_bytes, stretch.size_bytes)
    return Answer(status=stretch.status, headers=headers, file=body)
