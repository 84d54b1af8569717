"""`/receipt`, `/read_markers`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Empty, Path, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import EventID, InvalidID, RoomID, parse_event_id
from timserver.matrix.receipts import ReceiptType, check_thread_id, parse_receipt_type
from timserver.tenancy import Requester, Tenant
from timserver.usecases.ephemeral.receipts import Marker
from timserver.usecases.ephemeral.set_receipt import set_receipts


class PostReceiptRequest(Request, frozen=True, kw_only=True):
    """A receipt on an event, perhaps in a thread."""

    room_id: Annotated[RoomID, Path("roomId")]
    receipt_type: Annotated[str, Path("receiptType")]
    event_id: Annotated[EventID, Path("eventId")]
    thread_id: str | None = None


class SetReadMarkerRequest(Request, frozen=True, kw_only=True):
    """Several receipts at once."""

    room_id: Annotated[RoomID, Path("roomId")]
    fully_read: str | None = msgspec.field(default=None, name="m.fully_read")
    read: str | None = msgspec.field(default=None, name="m.read")
    read_private: str | None = msgspec.field(default=None, name="m.read.private")


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}", rate=RateKind.MESSAGE)
async def post_receipt(
    ctx: Context, tenant: Tenant, requester: Requester, request: PostReceiptRequest
) -> Empty:
    """POST /_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreceiptreceipttypeeventid
    """
    kind = parse_receipt_type(request.receipt_type)
    marker = Marker(kind, request.event_id, check_thread_id(kind, request.thread_id))
    await set_receipts(ctx, tenant, requester, request.room_id, [marker])
    return Empty()


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/read_markers", rate=RateKind.MESSAGE)
async def set_read_marker(
    ctx: Context, tenant: Tenant, requester: Requester, request: SetReadMarkerRequest
) -> Empty:
    """POST /_matrix/client/v3/rooms/{roomId}/read_markers.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidread_markers
    """
    wanted = {
        ReceiptType.FULLY_READ: request.fully_read,
        ReceiptType.READ: request.read,
        ReceiptType.READ_PRIVATE: request.read_private,
    }
    try:
        markers = [Marker(kind, parse_event_id(text)) for kind, text in wanted.items() if text is not None]
    except InvalidID as error:
        raise errors.InvalidParam("Not an event id") from error
    await set_receipts(ctx, tenant, requester, request.room_id, markers)
    return Empty()
