"""`/rooms/{roomId}/redact`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import JsonBody, Path, Request, WholeBody, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import EventID, RoomID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events import redact_event as redacting


class RedactEventRequest(Request, frozen=True, kw_only=True):
    """Which event, the client's transaction id, and the redaction's content (`reason`)."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Path("eventId")]
    txn_id: Annotated[str, Path("txnId")]
    content: Annotated[JsonBody, WholeBody()]


class RedactEventResponse(msgspec.Struct, frozen=True):
    """The redaction."""

    event_id: str


@endpoint("PUT", "/_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}", rate=RateKind.MESSAGE)
async def redact_event(
    ctx: Context, tenant: Tenant, requester: Requester, request: RedactEventRequest
) -> RedactEventResponse:
    """PUT /_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidredacteventidtxnid
    """
    event_id = await redacting.redact_event(
        ctx, tenant, requester, request.room_id, request.event_id, request.content, request.txn_id
    )
    return RedactEventResponse(event_id)
