"""`/event_auth`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, Path, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.tenancy import Tenant
from timserver.usecases.federation.read_room_state import read_event_auth


class GetEventAuthRequest(Request, frozen=True, kw_only=True):
    """Of which event."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Path("eventId")]


class GetEventAuthResponse(msgspec.Struct, frozen=True):
    """What the event was authorized by, and so on."""

    auth_chain: list[msgspec.Raw]


@endpoint("GET", "/_matrix/federation/v1/event_auth/{roomId}/{eventId}", auth=Auth.SERVER)
async def get_event_auth(
    ctx: Context, tenant: Tenant, origin: ServerName, request: GetEventAuthRequest
) -> GetEventAuthResponse:
    """GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1event_authroomideventid
    """
    chain = await read_event_auth(ctx, tenant, origin, request.room_id, request.event_id)
    return GetEventAuthResponse(chain)
