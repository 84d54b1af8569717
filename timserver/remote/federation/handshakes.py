"""`make_…` and `send_…`: how a user of ours joins, leaves or knocks on a room through a server that is in it.

Spec: https://spec.matrix.org/v1.19/server-server-api/#joining-rooms
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.json_types import JsonObject
from timserver.remote.client import DEFAULT, CallLimits, FederationClient
from timserver.remote.errors import RemoteError
from timserver.remote.federation.reading import read_answer
from timserver.remote.paths import path
from timserver.tenancy import Tenant


class Template(msgspec.Struct, frozen=True):
    """What the other server proposes. Nothing of it was checked."""

    event: dict[str, Any]
    room_version: str = "1"


class RoomAnswer(msgspec.Struct, frozen=True):
    """The answer to a join: PDUs as they came, nothing of them checked."""

    state: list[msgspec.Raw]
    auth_chain: list[msgspec.Raw]
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """Our join with the other server's signature, from a restricted room."""


class _KnockAnswer(msgspec.Struct, frozen=True):
    knock_room_state: list[msgspec.Raw] = []


_decode_room = msgspec.json.Decoder(RoomAnswer).decode


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


async def send_join(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    room_id: RoomID,
    event_id: EventID,
    pdu: JsonObject,
    *,
    limits: CallLimits = DEFAULT,
) -> RoomAnswer:
    """`/send_join`, for the whole state. Raises RemoteError."""
    where = path("/_matrix/federation/v2/send_join/{}/{}", room_id, event_id)
    data = await client.request(tenant, destination, "PUT", where, content=pdu, limits=limits)
    try:
        return _decode_room(data)  # its events are read one by one, strictly, when they are opened
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteError(f"answer of a wrong shape: {type(error).__name__}", status=200) from error


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
