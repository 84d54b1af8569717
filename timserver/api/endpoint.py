"""What an endpoint is: declared once, with typed request and response, authentication and rate limit.

    class SendMessageRequest(Request, frozen=True, kw_only=True):
        room_id: Annotated[RoomID, Path("roomId")]
        limit: Annotated[int | None, Query("limit")] = None
        content: Annotated[JsonBody, WholeBody()]

    @endpoint("PUT", "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}", rate=RateKind.MESSAGE)
    async def send_message(ctx, tenant, requester, request: SendMessageRequest) -> SendMessageResponse: ...

Fields without a marker are fields of the JSON body. The function's name is the spec's operationId. Its parameters are
`(ctx, tenant, requester, request)`; without authentication `(ctx, tenant, request)`; for other servers
`(ctx, tenant, origin, request)`. It returns a struct (sent as JSON), or an `Answer` when status, headers or a body of
its own are wanted. Every module of endpoints is listed in its package's `MODULES`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import Enum
from typing import Any, TypeAlias, TypeVar, get_type_hints

import msgspec

from timserver.config import RateKind

JsonBody: TypeAlias = dict[str, Any]
"""A JSON object as a field of a request (msgspec cannot read the recursive `JsonObject`)."""


class Auth(Enum):
    """Who may call."""

    NONE = "none"
    OPTIONAL = "optional"
    """With a token the requester is known, without it is None."""
    TOKEN = "required"  # noqa: S105 - not a secret
    ADMIN = "admin"
    """A token of a user who is administrator of the tenant's server."""
    SERVER = "server"
    """Another homeserver, which signs its requests (X-Matrix)."""
    SERVER_OPTIONAL = "server_optional"
    """With a signature the origin is known, without it is None; policy says whether that will do."""

    @property
    def of_servers(self) -> bool:
        """Is it for other homeservers?"""
        return self in (Auth.SERVER, Auth.SERVER_OPTIONAL)


class Path(msgspec.Struct, frozen=True):
    """Marks a field that is a segment of the path."""

    name: str


class Query(msgspec.Struct, frozen=True):
    """Marks a field of the query string; a tuple takes all values of a repeated one."""

    name: str


class Header(msgspec.Struct, frozen=True):
    """Marks a field that is a header."""

    name: str


class WholeBody(msgspec.Struct, frozen=True):
    """Marks the field that takes the whole JSON body."""


class RawBody(msgspec.Struct, frozen=True):
    """Marks the field that takes the body as a stream (`BodyStream`), whatever its type."""


class BodyBytes(msgspec.Struct, frozen=True):
    """Marks the field that takes the body's bytes, read into memory and not decoded (endpoints for servers)."""


class FromPeer(msgspec.Struct, frozen=True):
    """Marks the field that takes the `Peer`."""


class Peer(msgspec.Struct, frozen=True):
    """Where a request comes from."""

    address: str
    user_agent: str


class BodyStream(msgspec.Struct, frozen=True):
    """A body that is not read into memory."""

    chunks: AsyncIterator[bytes]
    content_type: str | None
    length_bytes: int | None
    """What the client says; None when it does not say."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all requests."""


class Empty(msgspec.Struct, frozen=True):
    """`{}`."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with a status, headers or body of its own."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes | msgspec.Struct = b""
    chunks: AsyncIterator[bytes] | None = None
    """Instead of a body: JSON that is made while it is sent."""
    file: "FileBody | None" = None


def answer_of(written: bytes | AsyncIterator[bytes]) -> Answer:
    """An answer of JSON that is written already, or is about to be."""
    return Answer(body=written) if isinstance(written, bytes) else Answer(chunks=written)


class FileBody(msgspec.Struct, frozen=True):
    """A stretch of a file, sent without passing through the program where the system can."""

    path: str
    offset_bytes: int
    size_bytes: int
    before: bytes = b""
    after: bytes = b""
    """What goes around it: the envelope in which other servers get files."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A declared endpoint."""

    method: str
    paths: tuple[str, ...]
    handler: Callable[..., Awaitable[Any]]
    request: type[Request] | None
    response: Any
    auth: Auth
    rate: RateKind | None
    body_bytes_max: int | None
    """None: the configured maximum for JSON."""
    waits: bool
    """For something to happen: it takes a place among what the user asks only while it has work."""
    may_when_locked: bool
    may_when_suspended: bool
    """Off for what makes others see something new of the user."""

    @property
    def operation_id(self) -> str:
        """The function's name; the spec's operationId in snake case."""
        return self.handler.__name__


Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])


def endpoint(
    method: str,
    *paths: str,
    auth: Auth = Auth.TOKEN,
    rate: RateKind | None = None,
    body_bytes_max: int | None = None,
    waits: bool = False,
    may_when_locked: bool = False,
    may_when_suspended: bool = True,
) -> Callable[[Handler], Handler]:
    """Declare the function as an endpoint; see the module's text."""

    def declare(handler: Handler) -> Handler:
        hints = get_type_hints(handler)
        handler.declaration = Endpoint(  # type: ignore[attr-defined]
            method=method,
            paths=paths,
            handler=handler,
            request=hints.get("request"),
            response=hints.get("return"),
            auth=auth,
            rate=rate,
            body_bytes_max=body_bytes_max,
            waits=waits,
            may_when_locked=may_when_locked,
            may_when_suspended=may_when_suspended,
        )
        return handler

    return declare


def declared_in(module: Any) -> list[Endpoint]:
    """The endpoints of a module, in order of their declaration."""
    found = [getattr(value, "declaration", None) for value in vars(module).values()]
    return [
        item for item in found if isinstance(item, Endpoint) and item.handler.__module__ == module.__name__
    ]
