"""`/sendToDevice`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Empty, Path, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.tenancy import Requester, Tenant
from timserver.usecases.devices import send_to_device as sending


class SendToDeviceRequest(Request, frozen=True, kw_only=True):
    """Contents by user and device id."""

    event_type: Annotated[str, Path("eventType")]
    txn_id: Annotated[str, Path("txnId")]
    messages: dict[str, dict[str, msgspec.Raw]]


@endpoint("PUT", "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}", rate=RateKind.KEYS)
async def send_to_device(
    ctx: Context, tenant: Tenant, requester: Requester, request: SendToDeviceRequest
) -> Empty:
    """PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid
    """
    for by_device in request.messages.values():
        if not all(bytes(memoryview(content)[:1]) == b"{" for content in by_device.values()):
            raise errors.BadJson("A message's content is not an object")
    await sending.send_to_device(ctx, tenant, requester, request.txn_id, request.event_type, request.messages)
    return Empty()
