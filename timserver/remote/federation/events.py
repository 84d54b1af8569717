"""Events and state of rooms, asked of another server. PDUs come as the bytes that were sent, to be opened.

Spec: https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec import Raw

from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.remote.client import FederationClient, RemoteError
from timserver.remote.paths import path
from timserver.tenancy import Tenant


class StateIds(msgspec.Struct, frozen=True):
    """Ids of the state before an event and of its auth chains."""

    pdu_ids: list[str]
    auth_chain_ids: list[str]


class RoomStatePdus(msgspec.Struct, frozen=True):
    """The state before an event and its auth chains."""

    pdus: list[Raw]
    auth_chain: list[Raw]


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Between which events a server is asked for what is not here."""

    earliest: Sequence[EventID]
    latest: Sequence[EventID]
    limit: int
    min_depth: int


class _Events(msgspec.Struct, frozen=True):
    events: list[Raw] = []


class _Pdus(msgspec.Struct, frozen=True):
    pdus: list[Raw]


class _AuthChain(msgspec.Struct, frozen=True):
    auth_chain: list[Raw]


async def get_missing_events(
    client: FederationClient, tenant: Tenant, destination: ServerName, room_id: RoomID, wanted: Missing
) -> list[bytes]:
    """POST /_matrix/federation/v1/get_missing_events/{roomId}. Raises RemoteError."""
    body = await client.request(
        tenant,
        destination,
        "POST",
        path("/_matrix/federation/v1/get_missing_events/{}", room_id),
        content={
            "earliest_events": list(wanted.earliest),
            "latest_events": list(wanted.latest),
            "limit": wanted.limit,
            "min_depth": wanted.min_depth,
        },
    )
    return [bytes(pdu) for pdu in decoded(body, _Events).events]


async def get_event(
    client: FederationClient, tenant: Tenant, destination: ServerName, event_id: EventID
) -> bytes:
    """GET /_matrix/federation/v1/event/{eventId}. Raises RemoteError."""
    body = await client.request(tenant, destination, "GET", path("/_matrix/federation/v1/event/{}", event_id))
    pdus = decoded(body, _Pdus).pdus
    if len(pdus) != 1:
        raise RemoteError("an answer about one event has another number of them")
    return bytes(pdus[0])


async def get_state_ids(
    client: FederationClient, tenant: Tenant, destination: ServerName, room_id: RoomID, event_id: EventID
) -> StateIds:
    """GET /_matrix/federation/v1/state_ids/{roomId}. Raises RemoteError."""
    body = await client.request(
        tenant,
        destination,
        "GET",
        path("/_matrix/federation/v1/state_ids/{}", room_id),
        query=[("event_id", event_id)],
    )
    return decoded(body, StateIds)


async def get_state(
    client: FederationClient, tenant: Tenant, destination: ServerName, room_id: RoomID, event_id: EventID
) -> RoomStatePdus:
    """GET /_matrix/federation/v1/state/{roomId}. Raises RemoteError."""
    body = await client.request(
        tenant,
        destination,
        "GET",
        path("/_matrix/federation/v1/state/{}", room_id),
        query=[("event_id", event_id)],
    )
    return decoded(body, RoomStatePdus)


async def get_event_auth(
    client: FederationClient, tenant: Tenant, destination: ServerName, room_id: RoomID, event_id: EventID
) -> list[bytes]:
    """GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}. Raises RemoteError."""
    body = await client.request(
        tenant,
        destination,
        "GET",
        path("/_matrix/federation/v1/event_auth/{}/{}", room_id, event_id),
    )
    return [bytes(pdu) for pdu in decoded(body, _AuthChain).auth_chain]


async def backfill(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    room_id: RoomID,
    event_ids: Sequence[EventID],
    limit: int,
) -> list[bytes]:
    """GET /_matrix/federation/v1/backfill/{roomId}: these events and what is before them. Raises RemoteError."""
    query = [*(("v", event_id) for event_id in event_ids), ("limit", str(limit))]
    body = await client.request(
        tenant,
        destination,
        "GET",
        path("/_matrix/federation/v1/backfill/{}", room_id),
        query=query,
    )
    return [bytes(pdu) for pdu in decoded(body, _Pdus).pdus]


Answer = TypeVar("Answer")


def decoded(body: bytes, kind: type[Answer]) -> Answer:
    """An answer as its struct. Raises RemoteError for one that does not fit."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteError(f"the answer is malformed: {error}") from error
