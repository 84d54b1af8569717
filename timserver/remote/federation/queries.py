"""Asking another server for profiles, aliases, published rooms, spaces, and events by time.

Spec: https://spec.matrix.org/v1.19/server-server-api/#querying-for-information
"""

from typing import Any

import msgspec

from timserver.matrix.ids import RoomAlias, RoomID, ServerName, UserID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.remote.client import FederationClient
from timserver.remote.federation.reading import read_answer
from timserver.remote.paths import path
from timserver.tenancy import Tenant

_QUERY = "/_matrix/federation/v1/query/{}"


class RemoteAlias(msgspec.Struct, frozen=True):
    """Where an alias points to, and servers that are there."""

    room_id: str
    servers: list[str]


class RemoteEvent(msgspec.Struct, frozen=True):
    """The event that is closest to a time."""

    event_id: str
    origin_server_ts: int


class RemoteSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A room from outside, as the other server says."""

    room_id: str
    num_joined_members: int = 0
    world_readable: bool = False
    guest_can_join: bool = False
    join_rule: str = "public"
    room_version: str | None = None
    name: str | None = None
    topic: str | None = None
    canonical_alias: str | None = None
    avatar_url: str | None = None
    room_type: str | None = None
    encryption: str | None = None
    allowed_room_ids: list[str] | None = None


class RemoteSpace(RemoteSummary, frozen=True, kw_only=True):
    """A room with its `m.space.child` events in stripped form."""

    children_state: list[msgspec.Raw] = []


class RemoteHierarchy(msgspec.Struct, frozen=True):
    """A space, its children that we may look at, and those that nobody of us may."""

    room: RemoteSpace
    children: list[RemoteSummary] = []
    inaccessible_children: list[str] = []


class RemoteRooms(msgspec.Struct, frozen=True):
    """A page of another server's room directory."""

    chunk: list[RemoteSummary]
    next_batch: str | None = None
    prev_batch: str | None = None
    total_room_count_estimate: int | None = None


async def query_profile(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    user_id: UserID,
    field: str | None = None,
) -> dict[str, JsonValue]:
    """GET /_matrix/federation/v1/query/profile. Raises RemoteError."""
    query = [("user_id", user_id), *([("field", field)] if field is not None else [])]
    answer = await client.request(tenant, destination, "GET", _QUERY.format("profile"), query=query)
    return read_answer(answer, dict[str, Any])


async def query_directory(
    client: FederationClient, tenant: Tenant, destination: ServerName, alias: RoomAlias
) -> RemoteAlias:
    """GET /_matrix/federation/v1/query/directory. Raises RemoteError."""
    query = [("room_alias", alias)]
    answer = await client.request(tenant, destination, "GET", _QUERY.format("directory"), query=query)
    return read_answer(answer, RemoteAlias)


async def query_public_rooms(
    client: FederationClient, tenant: Tenant, destination: ServerName, wanted: JsonObject
) -> RemoteRooms:
    """POST /_matrix/federation/v1/publicRooms. Raises RemoteError."""
    answer = await client.request(
        tenant, destination, "POST", "/_matrix/federation/v1/publicRooms", content=wanted
    )
    return read_answer(answer, RemoteRooms)


async def get_space_hierarchy(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    room_id: RoomID,
    *,
    suggested_only: bool,
) -> RemoteHierarchy:
    """GET /_matrix/federation/v1/hierarchy/{roomId}. Raises RemoteError."""
    answer = await client.request(
        tenant,
        destination,
        "GET",
        path("/_matrix/federation/v1/hierarchy/{}", room_id),
        query=[("suggested_only", "true" if suggested_only else "false")],
    )
    return read_answer(answer, RemoteHierarchy, lambda found: found.room.room_id == room_id)


async def get_event_by_timestamp(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    room_id: RoomID,
    ts: int,
    *,
    backwards: bool,
) -> RemoteEvent:
    """GET /_matrix/federation/v1/timestamp_to_event/{roomId}. Raises RemoteError."""
    answer = await client.request(
        tenant,
        destination,
        "GET",
        path("/_matrix/federation/v1/timestamp_to_event/{}", room_id),
        query=[("ts", str(ts)), ("dir", "b" if backwards else "f")],
    )
    return read_answer(answer, RemoteEvent)
