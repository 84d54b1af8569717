"""`/rooms/{roomId}/send`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import JsonBody, Path, Request, WholeBody, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import RoomID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.redact_event import REDACTION, redact_event, target_of
from timserver.usecases.events.send_message import send_message as send

_TXN_ID_LENGTH = 20


class SendMessageRequest(Request, frozen=True, kw_only=True):
    """Where, what, and the client's transaction id."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_type: Annotated[str, Path("eventType")]
    txn_id: Annotated[str, Path("txnId")]
    content: Annotated[JsonBody, WholeBody()]


class SendOnceRequest(Request, frozen=True, kw_only=True):
    """Where and what, without a transaction id."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_type: Annotated[str, Path("eventType")]
    content: Annotated[JsonBody, WholeBody()]


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
    if request.event_type == REDACTION:
        target = target_of(request.content)
        return EventIdResponse(
            await redact_event(
                ctx, tenant, requester, request.room_id, target, request.content, request.txn_id
            )
        )
    event_id = await send(
        ctx, tenant, requester, request.room_id, request.event_type, request.content, request.txn_id
    )
    return EventIdResponse(event_id)


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
    txn_id = ctx.ids.opaque(_TXN_ID_LENGTH)
    with_id = SendMessageRequest(
        room_id=request.room_id, event_type=request.event_type, txn_id=txn_id, content=request.content
    )
    return await send_message(ctx, tenant, requester, with_id)
