"""`PUT /rooms/{roomId}/state`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import JsonBody, Path, Request, WholeBody, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import RoomID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.send_state import send_state


class SetRoomStateWithKeyRequest(Request, frozen=True, kw_only=True):
    """Where and what."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_type: Annotated[str, Path("eventType")]
    state_key: Annotated[str, Path("stateKey")] = ""
    content: Annotated[JsonBody, WholeBody()]


class SetRoomStateWithKeyResponse(msgspec.Struct, frozen=True):
    """The event."""

    event_id: str


@endpoint(
    "PUT",
    "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
    "/_matrix/client/v3/rooms/{roomId}/state/{eventType}",
    rate=RateKind.MESSAGE,
    may_when_suspended=False,
)
async def set_room_state_with_key(
    ctx: Context, tenant: Tenant, requester: Requester, request: SetRoomStateWithKeyRequest
) -> SetRoomStateWithKeyResponse:
    """PUT /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey
    """
    event_id = await send_state(
        ctx, tenant, requester, request.room_id, request.event_type, request.state_key, request.content
    )
    return SetRoomStateWithKeyResponse(event_id)
