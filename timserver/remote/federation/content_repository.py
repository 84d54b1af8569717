"""Fetching files of another server, as a stream.

Spec: https://spec.matrix.org/v1.19/server-server-api/#content-repository
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import msgspec

from timserver.matrix import multipart
from timserver.matrix.ids import ServerName
from timserver.matrix.multipart import MixedParser, PartBegins, PartEnds
from timserver.remote.client import FederationClient
from timserver.remote.errors import RemoteError
from timserver.remote.fetcher import Streamed
from timserver.remote.paths import path
from timserver.tenancy import Tenant

_METADATA_BYTES_MAX: Final = 65_536


class RemoteFile(msgspec.Struct, frozen=True):
    """A file that is coming in; what is said of it is the other server's word."""

    content_type: str | None
    file_name: str | None
    chunks: AsyncIterator[bytes]


@asynccontextmanager
async def get_content(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    media_id: str,
    *,
    timeout_ms: int,
    idle_s: float,
) -> AsyncIterator[RemoteFile]:
    """GET /_matrix/federation/v1/media/download/{mediaId}; of a server that does not know it, by the old path, which may
    not fetch from a third server. Raises RemoteError, also while the file is read.
    """
    timeout = ("timeout_ms", str(timeout_ms))
    async with AsyncExitStack() as stack:
        try:
            own = path("/_matrix/federation/v1/media/download/{}", media_id)
            stream = client.stream(tenant, destination, own, query=[timeout], idle_s=idle_s)
            file = await _file_of(stack, client, tenant, await stack.enter_async_context(stream), idle_s)
        except RemoteError as error:
            if not _is_unknown_there(error):
                raise
            old = path("/_matrix/media/v3/download/{}/{}", destination, media_id)
            query = [("allow_remote", "false"), timeout]
            stream = client.stream(tenant, destination, old, query=query, idle_s=idle_s)
            file = _described(await stack.enter_async_context(stream))
        yield file


def _is_unknown_there(error: RemoteError) -> bool:
    """Whether the server does not know the new path: it says so, or its refusal is not Matrix's."""
    if error.errcode is None:
        return error.status in (400, 404, 405)
    return error.errcode == "M_UNRECOGNIZED" and error.status == 404


async def _file_of(
    stack: AsyncExitStack, client: FederationClient, tenant: Tenant, answer: Streamed, idle_s: float
) -> RemoteFile:
    """The second part of the answer, or what it points to."""
    parts = _parts(answer)
    begun = metadata_bytes = 0
    async for item in parts:
        if isinstance(item, PartBegins):
            begun += 1
            if begun == 2:
                target = item.headers.get("location")
                if target is None:
                    return _described(Streamed(status=200, headers=item.headers, chunks=_content(parts)))
                follow = client.follow(tenant, target, idle_s=idle_s)
                return _described(await stack.enter_async_context(follow))
        elif isinstance(item, bytes):
            metadata_bytes += len(item)
            if metadata_bytes > _METADATA_BYTES_MAX:
                raise RemoteError("too much metadata", status=200)
    raise RemoteError("no file in the answer", status=200)


async def _parts(answer: Streamed) -> AsyncIterator[PartBegins | PartEnds | bytes]:
    try:
        parser = MixedParser(multipart.boundary_of(_header(answer, "Content-Type") or ""))
        async for chunk in answer.chunks:
            for item in parser.feed(chunk):
                yield item
    except multipart.Malformed as error:
        raise RemoteError(f"malformed answer: {error}", status=200) from error


async def _content(parts: AsyncIterator[PartBegins | PartEnds | bytes]) -> AsyncIterator[bytes]:
    """The bytes of the part that has begun, up to its end."""
    async for item in parts:
        if isinstance(item, PartEnds):
            return
        if isinstance(item, bytes):
            yield item
    raise RemoteError("the file was cut off", transient=True)


def _described(answer: Streamed) -> RemoteFile:
    name = multipart.file_name_of(_header(answer, "Content-Disposition"))
    return RemoteFile(_header(answer, "Content-Type"), name, answer.chunks)


def _header(answer: Streamed, name: str) -> str | None:
    return next((value for key, value in answer.headers.items() if key.lower() == name.lower()), None)
