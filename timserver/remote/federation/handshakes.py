"""`make_…` and `send_…`: how a user of ours joins, leaves or knocks on a room through a server that is in it.

Spec: https://spec.matrix.org/v1.19/server-server-api/#joining-rooms
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from timserver import core
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.pdu import READ_BYTES_MAX
from timserver.remote.client import DEFAULT, CallLimits, FederationClient
from timserver.remote.errors import RemoteError
from timserver.remote.federation.reading import read_answer
from timserver.remote.paths import path
from timserver.tenancy import Tenant


class Template(msgspec.Struct, frozen=True):
    """What the other server proposes. Nothing of it was checked."""

    event: dict[str, Any]
    room_version: str = "1"


Piece = tuple[str, bytes]
"""A PDU, and the member of the answer that it is in: `state` or `auth_chain`."""


class Arrived(msgspec.Struct, frozen=True):
    """Some more of the answer to a join: its size, and what is whole with it, nothing of it checked."""

    size_bytes: int
    pieces: Sequence[Piece]
    event: bytes | None
    """Our join with the other server's signature, from a restricted room."""


class _KnockAnswer(msgspec.Struct, frozen=True):
    knock_room_state: list[msgspec.Raw] = []


async def make_membership(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    membership: str,
    room_id: RoomID,
    user_id: UserID,
    *,
    versions: Sequence[str] = (),
) -> Template:
    """`/make_join`, `/make_leave` or `/make_knock`. Raises RemoteError."""
    where = path(f"/_matrix/federation/v1/make_{membership}/{{}}/{{}}", room_id, user_id)
    query = [("ver", version) for version in versions]
    data = await client.request(tenant, destination, "GET", where, query=query)
    return read_answer(data, Template)


@asynccontextmanager
async def send_join(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    room_id: RoomID,
    event_id: EventID,
    pdu: JsonObject,
    *,
    limits: CallLimits = DEFAULT,
) -> AsyncIterator[AsyncIterator[Arrived]]:
    """`/send_join`, for the whole state, told while it arrives. Raises RemoteError, also while it is read: what was told
    before is worth nothing then.
    """
    where = path("/_matrix/federation/v2/send_join/{}/{}", room_id, event_id)
    request = client.request_in_chunks(tenant, destination, "PUT", where, content=pdu, limits=limits)
    async with request as chunks:
        yield _arriving(chunks)


async def _arriving(chunks: AsyncIterator[bytes]) -> AsyncIterator[Arrived]:
    """The events are read one by one, strictly, when they are opened."""
    splitter = core.splitter(("state", "auth_chain"), ("event",), READ_BYTES_MAX)
    try:
        async for chunk in chunks:
            yield _arrived(len(chunk), splitter.feed(chunk))
        yield _arrived(0, splitter.end())
    except ValueError as error:
        raise RemoteError("answer of a wrong shape", status=200) from error


def _arrived(size_bytes: int, pieces: Sequence[Piece]) -> Arrived:
    event = next((piece for name, piece in pieces if name == "event"), None)
    return Arrived(size_bytes, [piece for piece in pieces if piece[0] != "event"], event)


async def send_leave(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    room_id: RoomID,
    event_id: EventID,
    pdu: JsonObject,
) -> None:
    """`/send_leave`. Raises RemoteError."""
    where = path("/_matrix/federation/v2/send_leave/{}/{}", room_id, event_id)
    await client.request(tenant, destination, "PUT", where, content=pdu)


async def send_knock(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    room_id: RoomID,
    event_id: EventID,
    pdu: JsonObject,
) -> list[msgspec.Raw]:
    """`/send_knock`: what the room says of itself, unchecked. Raises RemoteError."""
    where = path("/_matrix/federation/v1/send_knock/{}/{}", room_id, event_id)
    data = await client.request(tenant, destination, "PUT", where, content=pdu)
    return read_answer(data, _KnockAnswer).knock_room_state
