"""`/_synapse/admin/v1/send_server_notice`: the spec says what notices are, not how administrators send them."""

from typing import Annotated

from timserver.api.client.room_send import EventIdResponse
from timserver.api.endpoint import Auth, JsonBody, Path, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import UserID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.moderation.send_server_notice import Notice
from timserver.usecases.moderation.send_server_notice import send_server_notice as send


class ServerNoticeRequest(Request, frozen=True, kw_only=True):
    """See `Notice`."""

    user_id: UserID
    content: JsonBody
    type: str = "m.room.message"
    state_key: str | None = None


class RepeatableServerNoticeRequest(ServerNoticeRequest, frozen=True, kw_only=True):
    """A notice, and the client's transaction id."""

    txn_id: Annotated[str, Path("txnId")]


@endpoint("POST", "/_synapse/admin/v1/send_server_notice", auth=Auth.ADMIN)
async def send_server_notice(
    ctx: Context, tenant: Tenant, requester: Requester, request: ServerNoticeRequest
) -> EventIdResponse:
    """POST /_synapse/admin/v1/send_server_notice.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#server-notices
    """
    return EventIdResponse(await send(ctx, tenant, requester, _notice(request)))


@endpoint("PUT", "/_synapse/admin/v1/send_server_notice/{txnId}", auth=Auth.ADMIN)
async def send_server_notice_repeatably(
    ctx: Context, tenant: Tenant, requester: Requester, request: RepeatableServerNoticeRequest
) -> EventIdResponse:
    """PUT /_synapse/admin/v1/send_server_notice/{txnId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#server-notices
    """
    return EventIdResponse(await send(ctx, tenant, requester, _notice(request), request.txn_id))


def _notice(request: ServerNoticeRequest) -> Notice:
    return Notice(
        user_id=request.user_id,
        content=request.content,
        type=request.type,
        state_key=request.state_key,
    )
