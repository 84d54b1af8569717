"""`/rooms/{roomId}/send`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import JsonBody, Path, Request, WholeBody, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import EventID, RoomID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.redact_event import REDACTION, redact_event, target_of
from timserver.usecases.events.send_message import send_message as send


class SendOnceRequest(Request, frozen=True, kw_only=True):
    """Where and what, without a transaction id."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_type: Annotated[str, Path("eventType")]
    content: Annotated[JsonBody, WholeBody()]


class SendMessageRequest(SendOnceRequest, frozen=True, kw_only=True):
    """Where, what, and the client's transaction id."""

    txn_id: Annotated[str, Path("txnId")]


class EventIdResponse(msgspec.Struct, frozen=True):
    """The new event."""

    event_id: str


@endpoint(
    "PUT",
    "/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}",
    rate=RateKind.MESSAGE,
    may_when_suspended=False,
)
async def send_message(
    ctx: Context, tenant: Tenant, requester: Requester, request: SendMessageRequest
) -> EventIdResponse:
    """PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid
    """
    return EventIdResponse(await _send(ctx, tenant, requester, request, request.txn_id))


@endpoint(
    "POST",
    "/_matrix/client/v3/rooms/{roomId}/send/{eventType}",
    rate=RateKind.MESSAGE,
    may_when_suspended=False,
)
async def send_message_once(
    ctx: Context, tenant: Tenant, requester: Requester, request: SendOnceRequest
) -> EventIdResponse:
    """POST /_matrix/client/v3/rooms/{roomId}/send/{eventType}: each request is an event of its own.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid
    """
    return EventIdResponse(await _send(ctx, tenant, requester, request, None))


async def _send(
    ctx: Context, tenant: Tenant, requester: Requester, request: SendOnceRequest, txn_id: str | None
) -> EventID:
    room_id, content = request.room_id, request.content
    if request.event_type == REDACTION:
        return await redact_event(ctx, tenant, requester, room_id, target_of(content), content, txn_id)
    return await send(ctx, tenant, requester, room_id, request.event_type, content, txn_id)
