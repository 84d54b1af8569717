"""`/report`: rooms, events and users."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Empty, Path, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.moderation import report

_Score = Annotated[int, msgspec.Meta(ge=-100, le=100)]


class ReportRoomRequest(Request, frozen=True, kw_only=True):
    """Which room, and why."""

    room_id: Annotated[RoomID, Path("roomId")]
    reason: str


class ReportEventRequest(Request, frozen=True, kw_only=True):
    """Which event, and why. Older clients give a score."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Path("eventId")]
    reason: str | None = None
    score: _Score | None = None


class ReportUserRequest(Request, frozen=True, kw_only=True):
    """Which user, and why."""

    user_id: Annotated[UserID, Path("userId")]
    reason: str


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/report")
async def report_room(
    ctx: Context, tenant: Tenant, requester: Requester, request: ReportRoomRequest
) -> Empty:
    """POST /_matrix/client/v3/rooms/{roomId}/report.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreport
    """
    await report.report_room(ctx, tenant, requester, request.room_id, request.reason)
    return Empty()


@endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/report/{eventId}")
async def report_event(
    ctx: Context, tenant: Tenant, requester: Requester, request: ReportEventRequest
) -> Empty:
    """POST /_matrix/client/v3/rooms/{roomId}/report/{eventId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreporteventid
    """
    await report.report_event(
        ctx, tenant, requester, request.room_id, request.event_id, request.reason or "", request.score
    )
    return Empty()


@endpoint("POST", "/_matrix/client/v3/users/{userId}/report")
async def report_user(
    ctx: Context, tenant: Tenant, requester: Requester, request: ReportUserRequest
) -> Empty:
    """POST /_matrix/client/v3/users/{userId}/report.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3usersuseridreport
    """
    await report.report_user(ctx, tenant, requester, request.user_id, request.reason)
    return Empty()
