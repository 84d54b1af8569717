"""`/typing`."""

from typing import Annotated

from timserver.api.endpoint import Empty, Path, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, UserID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.ephemeral.set_typing import set_typing as set_typing_in_room

_DEFAULT_MS = 30_000


class SetTypingRequest(Request, frozen=True, kw_only=True):
    """Types, and for how long."""

    room_id: Annotated[RoomID, Path("roomId")]
    user_id: Annotated[UserID, Path("userId")]
    typing: bool
    timeout: int = _DEFAULT_MS


@endpoint(
    "PUT",
    "/_matrix/client/v3/rooms/{roomId}/typing/{userId}",
    rate=RateKind.MESSAGE,
    may_when_suspended=False,
)
async def set_typing(ctx: Context, tenant: Tenant, requester: Requester, request: SetTypingRequest) -> Empty:
    """PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidtypinguserid
    """
    if request.user_id != requester.user_id:
        raise errors.Forbidden("You can only type for yourself")
    timeout_ms = max(0, request.timeout) if request.typing else None
    await set_typing_in_room(ctx, tenant, requester, request.room_id, timeout_ms)
    return Empty()
