"""Reading a room: one event, its state, its members."""

from typing import Annotated, Literal

import msgspec

from timserver.api.endpoint import Answer, Path, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import EventID, RoomID
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events import read_event
from timserver.usecases.rooms import read_state
from timserver.usecases.sync import token

_Membership = Literal["join", "invite", "knock", "leave", "ban"]


class GetOneRoomEventRequest(Request, frozen=True, kw_only=True):
    """Which event."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Path("eventId")]


class RoomRequest(Request, frozen=True, kw_only=True):
    """Which room."""

    room_id: Annotated[RoomID, Path("roomId")]


class GetRoomStateWithKeyRequest(Request, frozen=True, kw_only=True):
    """Which entry of the state, and whether as an event."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_type: Annotated[str, Path("eventType")]
    state_key: Annotated[str, Path("stateKey")] = ""
    format: Annotated[Literal["content", "event"], Query("format")] = "content"


class GetMembersByRoomRequest(Request, frozen=True, kw_only=True):
    """Which members, and when."""

    room_id: Annotated[RoomID, Path("roomId")]
    at: Annotated[str | None, Query("at")] = None
    membership: Annotated[_Membership | None, Query("membership")] = None
    not_membership: Annotated[_Membership | None, Query("not_membership")] = None


class MembersResponse(msgspec.Struct, frozen=True):
    """Member events."""

    chunk: list[msgspec.Raw]


class JoinedMembersResponse(msgspec.Struct, frozen=True):
    """Users who are in the room."""

    joined: dict[str, read_state.Profile]


@endpoint("GET", "/_matrix/client/v3/rooms/{roomId}/event/{eventId}")
async def get_one_room_event(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetOneRoomEventRequest
) -> Answer:
    """GET /_matrix/client/v3/rooms/{roomId}/event/{eventId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid
    """
    event = await read_event.read_event(ctx, tenant, requester, request.room_id, request.event_id)
    return Answer(body=bytes(event))


@endpoint(
    "GET",
    "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
    "/_matrix/client/v3/rooms/{roomId}/state/{eventType}",
)
async def get_room_state_with_key(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetRoomStateWithKeyRequest
) -> Answer:
    """GET /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey
    """
    found = await read_state.read_state_entry(
        ctx,
        tenant,
        requester,
        request.room_id,
        request.event_type,
        request.state_key,
        whole_event=request.format == "event",
    )
    return Answer(body=bytes(found))


@endpoint("GET", "/_matrix/client/v3/rooms/{roomId}/state")
async def get_room_state(ctx: Context, tenant: Tenant, requester: Requester, request: RoomRequest) -> Answer:
    """GET /_matrix/client/v3/rooms/{roomId}/state.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstate
    """
    state = await read_state.read_state(ctx, tenant, requester, request.room_id)
    return Answer(body=msgspec.json.encode(state))


@endpoint("GET", "/_matrix/client/v3/rooms/{roomId}/members")
async def get_members_by_room(
    ctx: Context, tenant: Tenant, requester: Requester, request: GetMembersByRoomRequest
) -> MembersResponse:
    """GET /_matrix/client/v3/rooms/{roomId}/members.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmembers
    """
    return MembersResponse(
        await read_state.read_members(
            ctx,
            tenant,
            requester,
            request.room_id,
            at=token.read_synced(request.at) if request.at else None,
            membership=request.membership,
            not_membership=request.not_membership,
        )
    )


@endpoint("GET", "/_matrix/client/v3/rooms/{roomId}/joined_members")
async def get_joined_members_by_room(
    ctx: Context, tenant: Tenant, requester: Requester, request: RoomRequest
) -> JoinedMembersResponse:
    """GET /_matrix/client/v3/rooms/{roomId}/joined_members.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidjoined_members
    """
    return JoinedMembersResponse(
        await read_state.read_joined_members(ctx, tenant, requester, request.room_id)
    )
